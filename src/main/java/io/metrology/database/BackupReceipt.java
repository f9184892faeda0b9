package io.metrology.database;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/**
 * A backup that is complete and on disk.
 *
 * @param folder its absolute path: a data folder, ready to be started from
 * @param bytes its size
 * @param holdsUntil all that was acknowledged before is in it, and of later chunks
 * perhaps some
 * @param stopLsn where the server's log stood then
 * @param duration how long it took
 */
public record BackupReceipt(Path folder, long bytes, Instant holdsUntil, String stopLsn, Duration duration) {

}
