"""The part of JSON Schema that openapi.yaml uses. A keyword that is not known here is an error, not a pass."""

import datetime
import re
import uuid

import yaml

# They say something to people and to generators, and rule nothing out.
NOTES = {"description", "examples", "example", "default", "title"}


class Document:
    """An OpenAPI document: what each operation may answer."""

    def __init__(self, text):
        self.root = yaml.safe_load(text)
        self.patterns = {}

    def operations(self):
        """All (method, path, operation)."""
        for path, item in self.root["paths"].items():
            for method in ("get", "post", "patch", "delete", "put"):
                if method in item:
                    yield method.upper(), path, item[method]

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for part in node["$ref"].lstrip("#/").split("/"):
                target = target[part]
            node = target
        return node

    def response(self, operation, status):
        """What an operation may answer with a status of its own, or None."""
        response = operation["responses"].get(str(status))
        return None if response is None else self.resolve(response)

    def error(self, operation, status):
        """What an operation may answer with the status of an error, or None."""
        return self.response(operation, status) or self.response(operation, "default")

    def faults(self, schema, value, place=""):
        """What is wrong with a value, as sentences."""
        if "$ref" in schema:
            yield from self.faults(self.resolve(schema), value, place)
        for keyword, rule in schema.items():
            if keyword in NOTES or keyword == "$ref":
                continue
            check = CHECKS.get(keyword)
            if check is None:
                raise KeyError("openapi.yaml uses the keyword %s, which is not known here" % keyword)
            yield from check(self, rule, value, schema, place)


def _type(document, rule, value, schema, place):
    names = [rule] if isinstance(rule, str) else rule
    if not any(TYPES[name](value) for name in names):
        yield "%s is no %s: %.100r" % (place or "/", " or ".join(names), value)


def _enum(document, rule, value, schema, place):
    if not any(value is choice or (value == choice and type(value) is type(choice)) for choice in rule):
        yield "%s is none of %s: %.100r" % (place, rule, value)


def _const(document, rule, value, schema, place):
    if value != rule or type(value) is not type(rule):
        yield "%s is not %r: %.100r" % (place, rule, value)


def _pattern(document, rule, value, schema, place):
    compiled = document.patterns.setdefault(rule, re.compile(rule.replace("$", r"\Z")))
    if isinstance(value, str) and not compiled.search(value):
        yield "%s does not match %s: %.100r" % (place, rule, value)


def _format(document, rule, value, schema, place):
    if isinstance(value, str) and not FORMATS[rule](value):
        yield "%s is no %s: %.100r" % (place, rule, value)


def _least(document, rule, value, schema, place):
    if _is_number(value) and value < rule:
        yield "%s is less than %s: %r" % (place, rule, value)


def _most(document, rule, value, schema, place):
    if _is_number(value) and value > rule:
        yield "%s is more than %s: %r" % (place, rule, value)


def _length(kind, is_within):
    def check(document, rule, value, schema, place):
        if isinstance(value, kind) and not is_within(len(value), rule):
            yield "%s has a length of %d" % (place, len(value))
    return check


def _required(document, rule, value, schema, place):
    if isinstance(value, dict):
        for name in rule:
            if name not in value:
                yield "%s/%s is missing" % (place, name)


def _properties(document, rule, value, schema, place):
    if isinstance(value, dict):
        for name, child in rule.items():
            if name in value:
                yield from document.faults(child, value[name], "%s/%s" % (place, name))


def _additional(document, rule, value, schema, place):
    if isinstance(value, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            if rule is False:
                yield "%s/%s is not described" % (place, name)
            else:
                yield from document.faults(rule, value[name], "%s/%s" % (place, name))


def _names(document, rule, value, schema, place):
    if isinstance(value, dict):
        for name in value:
            yield from document.faults(rule, name, place + "/(name)")


def _items(document, rule, value, schema, place):
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from document.faults(rule, item, "%s/%d" % (place, index))


def _all_of(document, rule, value, schema, place):
    for part in rule:
        yield from document.faults(part, value, place)


def _one_of(document, rule, value, schema, place):
    fitting = sum(not any(document.faults(part, value, place)) for part in rule)
    if fitting != 1:
        yield "%s fits %d of the choices: %.100r" % (place, fitting, value)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value):
    return _is_number(value) and value == int(value)


def _is_time(text):
    try:
        return text.endswith("Z") and datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S") is not None
    except ValueError:
        return False


def _is_uuid(text):
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": _is_integer,
    "null": lambda value: value is None,
}

FORMATS = {
    "uuid": _is_uuid,
    "date-time": _is_time,
    "uri": lambda text: re.match(r"[a-z][a-z0-9+.-]*:\S+\Z", text) is not None,
    "json-pointer": lambda text: re.match(r"(/([^~/]|~[01])*)*\Z", text, re.DOTALL) is not None,
    "double": lambda text: True,
    "int32": lambda text: True,
    "int64": lambda text: True,
    "binary": lambda text: True,
}

CHECKS = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "format": _format,
    "minimum": _least,
    "maximum": _most,
    "minLength": _length(str, lambda length, least: length >= least),
    "maxLength": _length(str, lambda length, most: length <= most),
    "minItems": _length(list, lambda length, least: length >= least),
    "maxItems": _length(list, lambda length, most: length <= most),
    "minProperties": _length(dict, lambda length, least: length >= least),
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "allOf": _all_of,
    "oneOf": _one_of,
}
