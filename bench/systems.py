"""The servers under load: ours, its peers, and PostgreSQL alone. Each listens on 127.0.0.1 only.

Each has a name, what its acknowledgement means, a format of chunks, and the status that acknowledges one; load() gives
a run against it, stored() what it holds afterwards.
"""

import glob
import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request

import chunks
import machine
import postgres
import programs
from load import HttpLoad, Ledger
from machine import BenchError


def http(port, path, body=None, seconds=120):
    """Status and text of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def answers(port, path, status=200):
    try:
        return http(port, path, seconds=5)[0] == status
    except OSError:
        return False


class Server:
    """What all have in common."""

    content_type = "text/plain"
    jit = False  # a JVM's compiler needs a longer warm-up

    def __init__(self, options, sandbox, name=None):
        self.options, self.sandbox = options, sandbox
        self.name = name or self.name
        self.ledger = Ledger(options.streams)
        self.port = machine.free_port()
        self.process = None
        self.disk_at_start = 0
        self.notes = {}
        # A server that is frozen, or whose database is, cannot stop in order.
        sandbox.first_steps.append(self.resume)

    def load(self, points, connections, seconds, **more):
        return HttpLoad(self.sandbox, self, self.ledger, connections, points, seconds, **more)

    def roots(self):
        """The processes that make it up, as far as they live; their descendants belong to it, too."""
        return [self.process.popen.pid] if self.process and self.process.alive() else []

    def freeze(self):
        machine.freeze(self.roots())

    def resume(self):
        machine.resume(self.roots())

    def stop(self):
        self.process.stop()

    def folder(self):
        return self.sandbox.path(f"{self.name}-data")

    def disk_bytes(self):
        return machine.disk_bytes(self.folder())

    def check(self):
        """Whether all that was acknowledged is there, by the count of points that the server holds."""
        wanted = self.ledger.acknowledged_points
        most = wanted + sum(run["stride"] * run["points"] for run in self.ledger.runs)
        stored = self.stored(wanted)
        return {"acknowledged_points": wanted, "stored_points": stored, "complete": wanted <= stored <= most}


class Service(Server):
    """Metrology Ingest, on a PostgreSQL of its own, the embedded one, or one that is named."""

    name, title = "metrology", "Metrology Ingest"
    acknowledgement = "after fsync, committed"
    body_format = staticmethod(chunks.contract_json)
    target, content_type, expected_status = "/metrology/stream/chunk", "application/json", 201
    jit = True

    def __init__(self, options, sandbox, name=None, settings=""):
        super().__init__(options, sandbox, name)
        words = options.set.split() + settings.split()
        self.server_settings = [word[3:] for word in words if word.startswith("pg:")]
        self.jvm = options.jvm.split() + [word for word in words if word.startswith("-")]
        self.jar = next((word[4:] for word in words if word.startswith("jar:")), self.options.jar)
        self.properties = [f"--{word}" for word in words if not word.startswith(("pg:", "jar:", "-"))]
        self.cluster = self.database = self.named_size = None

    def start(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("SPRING_", "METROLOGY_", "SERVER_", "JAVA_TOOL_OPTIONS"))}
        where = self.where(environment)
        command = [programs.java(self.options.jdk), *self.jvm, "-jar", self.jar, f"--server.port={self.port}",
                   "--server.address=127.0.0.1", *where, *self.properties]
        if self.options.database == "embedded":
            self.sandbox.last_resorts.append(self.stop_embedded)
        self.process = self.sandbox.start(self.name, command, env=environment)
        machine.wait_until(self.title, lambda: answers(self.port, "/actuator/health/readiness"), 180, self.process)
        self.after_start()

    def where(self, environment):
        """The arguments that name the database; its password goes by the environment, where ps does not show it."""
        if self.options.database == "embedded":
            return [f"--metrology.data-dir={self.folder()}"]
        if self.options.database == "debian":
            self.cluster = postgres.Cluster(self.sandbox, self.name, self.server_settings)
            self.database = self.cluster.database
        else:
            self.database = named_database(self.options.database)
        environment["SPRING_DATASOURCE_USERNAME"] = self.database.user
        environment["SPRING_DATASOURCE_PASSWORD"] = self.database.password
        return [f"--spring.datasource.url={self.database.url}"]

    def after_start(self):
        if self.options.database == "embedded":
            with open(os.path.join(self.folder(), "postgresql-password")) as file:
                password = file.read().strip()
            self.database = postgres.Database("127.0.0.1", int(self.postmaster(3)), "metrology", "metrology", password)
        self.notes = self.database.settings()
        if self.ask("SELECT count(*) FROM chunk")[0] != ["0"]:
            raise BenchError("the database holds chunks already; name an empty one")
        self.disk_at_start = self.disk_bytes()

    def postmaster(self, line):
        """A line of the embedded server's pid file; None if it does not run."""
        try:
            with open(os.path.join(self.folder(), "postgresql", "postmaster.pid")) as file:
                return file.read().splitlines()[line]
        except (OSError, IndexError):
            return None

    def stop_embedded(self):
        """If the service could not do so itself."""
        pid = self.postmaster(0)
        if pid:
            machine.resume([int(pid)])
            machine.signal_all([int(pid)], 2)
            machine.wait_until("the end of the embedded server", lambda: not self.postmaster(0), 30)

    def roots(self):
        """The service, and the PostgreSQL it uses, where that is on this machine."""
        roots = super().roots()
        if self.cluster and self.cluster.process.alive():
            roots.append(self.cluster.process.popen.pid)
        elif self.options.database == "embedded" and self.postmaster(0):
            roots.append(int(self.postmaster(0)))
        return roots

    def stop(self):
        super().stop()
        if self.cluster:
            self.cluster.process.stop()
        elif self.options.database != "embedded":
            # It was empty at the start, so all of this is ours.
            self.named_size = self.size_of_named()
            self.ask("TRUNCATE chunk, channel, stream")

    def disk_bytes(self):
        if self.cluster:
            return self.cluster.disk_bytes()
        if self.options.database == "embedded":
            return machine.disk_bytes(os.path.join(self.folder(), "postgresql"), without=lambda name: name == "pg_wal")
        return self.named_size or self.size_of_named()

    def size_of_named(self):
        return int(self.ask("SELECT pg_database_size(current_database())")[0][0])

    def ask(self, sql):
        return self.database.ask(sql)

    def metrics(self):
        """The Prometheus page: name with labels → value."""
        lines = http(self.port, "/actuator/prometheus")[1].splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def check(self):
        return check_rows(self.database, self.ledger)


# Each row of chunk is the chunk whose number load.lua made from index and stream; a run owns a range of numbers, in
# which the thread is the remainder and its count of acknowledgements the limit.
ACKNOWLEDGED_ROWS = """
CREATE TEMPORARY TABLE acknowledged (run INT, first BIGINT, stride BIGINT, thread BIGINT, chunks BIGINT, points INT);
INSERT INTO acknowledged VALUES {acknowledged};
ANALYZE acknowledged;
SELECT count(*)
  FROM (SELECT chunk_index::BIGINT * {streams} + ('x' || right(data_id::TEXT, 12))::BIT(48)::BIGINT AS number,
               point_count
          FROM chunk) AS stored
  JOIN acknowledged a
    ON a.run = width_bucket(stored.number, ARRAY[{firsts}]::BIGINT[])
   AND a.thread = (stored.number - a.first) % a.stride
 WHERE (stored.number - a.first) / a.stride < a.chunks
   AND stored.point_count = a.points;
"""

DISAGREEING_CHANNELS = """
SELECT count(*)
  FROM channel c
  FULL JOIN (SELECT data_id, channel_name, sum(point_count) AS points, count(*) AS chunks
               FROM chunk
              GROUP BY data_id, channel_name) AS stored
 USING (data_id, channel_name)
 WHERE (c.total_points, c.chunk_count) IS DISTINCT FROM (stored.points, stored.chunks);
"""


def check_rows(database, ledger):
    """Looks for every acknowledged chunk by its key, and compares the sums that channels carry with their chunks."""
    runs = sorted((run for run in ledger.runs if sum(run["acknowledged"])), key=lambda run: run["first"])
    values = [f"({number}, {run['first']}, {run['stride']}, {thread}, {count}, {run['points']})"
              for number, run in enumerate(runs, 1) for thread, count in enumerate(run["acknowledged"])]
    found = 0
    if values:
        found = int(database.ask(ACKNOWLEDGED_ROWS.format(
            acknowledged=", ".join(values), streams=ledger.streams,
            firsts=", ".join(str(run["first"]) for run in runs)))[0][0])
    rows, points = (int(field) for field in database.ask("SELECT count(*), coalesce(sum(point_count), 0) FROM chunk")[0])
    disagreeing = int(database.ask(DISAGREEING_CHANNELS)[0][0])
    return {
        "acknowledged_chunks": ledger.acknowledged_chunks,
        "acknowledged_chunks_found": found,
        "unanswered_chunks_found": rows - found,
        "stored_points": points,
        "channels_whose_sums_disagree": disagreeing,
        "complete": found == ledger.acknowledged_chunks and disagreeing == 0
        and rows - found <= ledger.unanswered_chunks,
    }


def named_database(url):
    """From jdbc:postgresql://host:port/name?user=…&password=…"""
    parts = urllib.parse.urlsplit(url.removeprefix("jdbc:"))
    query = urllib.parse.parse_qs(parts.query)
    if parts.scheme != "postgresql" or parts.hostname not in ("localhost", "127.0.0.1"):
        raise BenchError("--database takes debian, embedded or jdbc:postgresql://127.0.0.1:PORT/NAME?user=…&password=…"
                         " (the bench loads nothing but this machine)")
    user = query.get("user", [os.environ.get("SPRING_DATASOURCE_USERNAME", "metrology")])[0]
    password = query.get("password", [os.environ.get("SPRING_DATASOURCE_PASSWORD", "")])[0]
    return postgres.Database(parts.hostname, parts.port or 5432, parts.path.lstrip("/"), user, password)


class VictoriaMetrics(Server):
    name, title = "victoriametrics", "VictoriaMetrics"
    acknowledgement = "from memory"
    body_format = staticmethod(chunks.victoria_json_line)
    target, content_type, expected_status = "/api/v1/import", "application/json", 204

    def start(self):
        program, environment = programs.victoria_metrics()
        # The limits on queries are those of the count at the end.
        self.process = self.sandbox.start(self.name, [
            program, f"-storageDataPath={self.folder()}", f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y", "-loggerLevel=WARN", "-search.maxQueryDuration=300s",
            "-search.maxSamplesPerQuery=100000000000", "-search.maxSamplesPerSeries=10000000000"], env=environment)
        machine.wait_until(self.title, lambda: answers(self.port, "/health"), 60, self.process)
        version = [line for line in http(self.port, "/metrics")[1].splitlines() if line.startswith("vm_app_version")]
        self.notes = {"version": version[0].split('short_version="')[-1].split('"')[0] if version else ""}

    def stored(self, wanted):
        """What was acknowledged can be found a moment later only."""
        http(self.port, "/internal/force_flush")
        query = {"query": f"sum(count_over_time({chunks.CHANNEL}[20y]))", "time": str(chunks.FIRST_TIME + 10 * 31536000),
                 "nocache": "1"}
        found = 0
        for _ in range(15):
            result = json.loads(http(self.port, "/api/v1/query?" + urllib.parse.urlencode(query), seconds=300)[1])
            rows = result.get("data", {}).get("result", [])
            found = int(float(rows[0]["value"][1])) if rows else 0
            if found >= wanted:
                break
            time.sleep(2)
        return found


INFLUX_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[logging]
  level = "warn"
"""


class InfluxDb(Server):
    name, title = "influxdb", "InfluxDB 1.x"
    acknowledgement = "after WAL fsync"
    body_format = staticmethod(chunks.line_protocol)
    target, expected_status = "/write?db=bench&precision=ms", 204

    def start(self):
        program, environment = programs.influxd()
        config = self.sandbox.path("influxdb.conf")
        with open(config, "w") as file:
            file.write(INFLUX_CONFIG.format(folder=self.folder(), port=self.port, rpc=machine.free_port()))
        self.process = self.sandbox.start(self.name, [program, "run", "-config", config], env=environment)
        machine.wait_until(self.title, lambda: answers(self.port, "/ping", 204), 60, self.process)
        http(self.port, "/query", b"q=CREATE+DATABASE+bench")
        self.notes = {"version": machine.run([program, "version"], env=environment).strip()}

    def stored(self, wanted):
        query = urllib.parse.urlencode({"db": "bench", "q": "SELECT count(value) FROM point"})
        result = json.loads(http(self.port, f"/query?{query}", seconds=300)[1])["results"][0]
        return result["series"][0]["values"][0][1] if "series" in result else 0


class QuestDb(Server):
    name, title = "questdb", "QuestDB"
    acknowledgement = "before fsync"
    body_format = staticmethod(chunks.line_protocol)
    target, expected_status = "/write?precision=ms", 204
    jit = True
    settings = {}

    def start(self):
        environment = dict(os.environ, **self.settings, QDB_HTTP_BIND_TO=f"127.0.0.1:{self.port}", QDB_HTTP_MIN_ENABLED="false",
                           QDB_PG_ENABLED="false", QDB_LINE_TCP_ENABLED="false", QDB_TELEMETRY_ENABLED="false")
        os.mkdir(self.folder())
        jar = programs.questdb_jar()
        self.process = self.sandbox.start(self.name, [programs.java(self.options.jdk), "-cp", jar,
                                                      "io.questdb.ServerMain", "-d", self.folder()], env=environment)
        machine.wait_until(self.title, lambda: answers(self.port, "/ping", 204), 120, self.process)
        self.notes = {"version": programs.QUESTDB}

    def stored(self, wanted):
        """Waits until the write-ahead log is applied: what was acknowledged can be found after that only."""
        query = urllib.parse.urlencode({"query": "SELECT count() FROM point"})
        found = -1
        for _ in range(60):
            before, found = found, json.loads(http(self.port, f"/exec?{query}")[1]).get("dataset", [[0]])[0][0]
            if found >= wanted and found == before:
                break
            time.sleep(1)
        return found

    def disk_bytes(self):
        """Without the write-ahead log, which is removed a while after it is applied."""
        return machine.disk_bytes(os.path.join(self.folder(), "db"),
                                  without=lambda name: name.startswith("wal") and name[3:].isdigit())


class DurableQuestDb(QuestDb):
    """QuestDB told to flush at each commit: its acknowledgement then means what ours does."""

    name, title = "questdb-sync", "QuestDB, commit.mode=sync"
    acknowledgement = "after fsync"
    settings = {"QDB_CAIRO_COMMIT_MODE": "sync"}


# One statement, and so one transaction and one round trip: a chunk (or several of one stream) and its channel's sums.
# The data comes from a table of the same server: nothing is parsed, nothing is sent. It is the ceiling.
PGBENCH_SCRIPT = """
\\set number :first + :k * {clients} + :client_id
\\set stream :number % {streams}
\\set index :number / {streams} * {batch}
\\set k :k + 1
WITH written AS (
    INSERT INTO chunk (data_id, channel_name, chunk_index, point_count, revision, content_hash, earliest_time,
                       latest_time, min_value, max_value, missing_count, timestamps, "values")
    SELECT target.data_id, target.channel_name, :index + i, pool.point_count, 1, pool.content_hash,
           pool.earliest_time, pool.latest_time, pool.min_value, pool.max_value, 0, pool.timestamps, pool."values"
      FROM generate_series(0, {batch} - 1) AS i
      JOIN pool ON pool.number = (:index + i) % {pool}
      JOIN target ON target.stream = :stream
    ON CONFLICT (data_id, channel_name, chunk_index) DO UPDATE
       SET point_count = excluded.point_count, revision = excluded.revision, received_at = excluded.received_at,
           content_hash = excluded.content_hash, earliest_time = excluded.earliest_time,
           latest_time = excluded.latest_time, min_value = excluded.min_value, max_value = excluded.max_value,
           missing_count = excluded.missing_count, timestamps = excluded.timestamps, "values" = excluded."values"
    RETURNING point_count)
UPDATE channel
   SET total_points = total_points + {batch} * {points},
       chunk_count = chunk_count + {batch},
       highest_chunk_index = greatest(highest_chunk_index, :index + {batch} - 1),
       revision = revision + {batch},
       last_received_at = clock_timestamp()
 WHERE data_id = (SELECT data_id FROM target WHERE stream = :stream)
   AND channel_name = '{channel}';
"""

PGBENCH_TABLES = """
CREATE TABLE target (stream BIGINT PRIMARY KEY, data_id UUID, channel_name TEXT COLLATE "C");
INSERT INTO target
SELECT i, ('{data_id}' || lpad(to_hex(i), 12, '0'))::UUID, '{channel}' FROM generate_series(0, {streams} - 1) AS i;
INSERT INTO stream (data_id, processed_data_id) SELECT data_id, gen_random_uuid() FROM target;
INSERT INTO channel (data_id, channel_name) SELECT data_id, channel_name FROM target;
CREATE TABLE pool (number INT PRIMARY KEY, point_count INT, content_hash BYTEA, earliest_time FLOAT8,
                   latest_time FLOAT8, min_value FLOAT8, max_value FLOAT8, timestamps FLOAT8[], "values" FLOAT8[]);
-- Not compressed here, so that chunk has to compress each row, as it does for the service.
ALTER TABLE pool ALTER timestamps SET STORAGE EXTERNAL, ALTER "values" SET STORAGE EXTERNAL;
"""


class PostgresAlone(Server):
    """PostgreSQL without a service before it: pgbench upserts into the service's own tables."""

    name, title = "postgresql", "PostgreSQL alone"
    acknowledgement = "after fsync; no HTTP, no parsing"
    batch = 1

    def start(self):
        self.cluster = postgres.Cluster(self.sandbox, self.name)
        self.database, self.process = self.cluster.database, self.cluster.process
        migrations = os.path.join(programs.ROOT, "src", "main", "resources", "db", "migration")
        for migration in sorted(glob.glob(f"{migrations}/V*.sql"), key=version) + glob.glob(f"{migrations}/R*.sql"):
            with open(migration) as file:
                self.database.ask(file.read())
        self.database.ask(PGBENCH_TABLES.format(data_id=chunks.DATA_ID, channel=chunks.CHANNEL,
                                                streams=self.options.streams))
        self.notes = self.database.settings()
        self.points = None
        self.transactions = 0
        self.disk_at_start = self.disk_bytes()

    def fill_pool(self, points):
        shape = chunks.Shape(points)
        rows = []
        for number, (millis, values) in enumerate(chunks.pool(points)):
            times = [shape.first_slot * 10**shape.slot_digits + at / 1000 for at in millis]
            rows.append(f"({number}, {points}, decode(repeat('5a', 32), 'hex'), {times[0]}, {times[-1]}, "
                        f"{min(map(float, values))}, {max(map(float, values))}, "
                        f"'{{{','.join(map(str, times))}}}', '{{{','.join(values)}}}')")
        self.database.ask(f"TRUNCATE pool; INSERT INTO pool VALUES {', '.join(rows)}; ANALYZE pool; ANALYZE target;")
        self.points = points
        self.disk_at_start = self.disk_bytes()

    def load(self, points, connections, seconds):
        if self.points != points:
            self.fill_pool(points)
        return PgbenchLoad(self, points, connections, seconds)

    def disk_bytes(self):
        return self.cluster.disk_bytes()

    def check(self):
        rows, points = self.database.ask("SELECT count(*), coalesce(sum(point_count), 0) FROM chunk")[0]
        disagreeing = int(self.database.ask("""
            SELECT count(*) FROM channel WHERE total_points IS DISTINCT FROM (
                   SELECT coalesce(sum(point_count), 0) FROM chunk WHERE chunk.data_id = channel.data_id)""")[0][0])
        wanted = self.transactions * self.batch
        return {"acknowledged_chunks": wanted, "stored_chunks": int(rows), "stored_points": int(points),
                "channels_whose_sums_disagree": disagreeing,
                "complete": wanted == int(rows) and disagreeing == 0}


class PostgresBatches(PostgresAlone):
    name, title = "postgresql20", "PostgreSQL alone, 20 a transaction"
    batch = 20


def version(migration):
    return int(os.path.basename(migration)[1:].split("__")[0])


class PgbenchLoad:
    """One run of pgbench, with the interface of HttpLoad."""

    def __init__(self, server, points, connections, seconds):
        self.server, self.points, self.connections, self.seconds = server, points, connections, seconds

    def start(self):
        return self

    def finish(self):
        server, streams = self.server, self.server.options.streams
        folder = server.sandbox.path("pgbench")
        os.makedirs(folder, exist_ok=True)
        script = os.path.join(folder, "upsert.sql")
        with open(script, "w") as file:
            file.write(PGBENCH_SCRIPT.format(clients=self.connections, streams=streams, batch=server.batch,
                                             pool=chunks.pool_size(self.points), points=self.points,
                                             channel=chunks.CHANNEL))
        highest = int(server.database.ask("SELECT max(highest_chunk_index) FROM channel")[0][0])
        first = (highest // server.batch + 1) * streams
        command = server.database.command("pgbench") + [
            "-n", "-M", "prepared", "-c", str(self.connections), "-j", "2", "-T", str(self.seconds), "-f", script,
            "-D", f"first={first}", "-D", "k=0", "--log", "--sampling-rate=0.1",
            f"--log-prefix={os.path.join(folder, 'log')}", "metrology"]
        output = machine.run(command, self.seconds + 90, env=server.database.environment(), cwd=folder)
        said = dict(line.split(": ", 1) if ": " in line else line.split(" = ", 1)
                    for line in output.splitlines() if ": " in line or " = " in line)
        done = int(said["number of transactions actually processed"].split("/")[0])
        failed = int(said.get("number of failed transactions", "0").split()[0])
        server.transactions += done
        latencies = pgbench_latencies(folder)
        shutil.rmtree(folder)
        number = done * server.batch
        return {
            "chunks": number, "seconds": float(self.seconds), "failed": failed, "refusal": "",
            "points_per_second": float(said["tps"].split()[0]) * server.batch * self.points,
            "p50_ms": quantile(latencies, 0.5), "p99_ms": quantile(latencies, 0.99),
            "max_ms": max(latencies, default=0.0),
        }


def pgbench_latencies(folder):
    millis = []
    for path in glob.glob(os.path.join(folder, "log.*")):
        with open(path) as file:
            millis += [int(line.split()[2]) / 1000 for line in file]
    return sorted(millis)


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


SYSTEMS = {system.name: system for system in (Service, VictoriaMetrics, InfluxDb, QuestDb, DurableQuestDb,
                                              PostgresAlone, PostgresBatches)}
