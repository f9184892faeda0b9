"""What fuzz.py consists of: requests, their mutations, the wire, and the judge of answers and rows."""
