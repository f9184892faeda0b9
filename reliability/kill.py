#!/usr/bin/env python3
"""Kills the service, PostgreSQL, or both with kill -9 while many post, and looks for every acknowledged chunk.

    target/python/bin/python reliability/kill.py [--rounds 50] [--short]

Every third round kills inside a COMMIT that is delayed, in turn before it is durable and after.
"""

import random
import time

import checking
import servers
from posting import Gate, Ledger, Persistent, Poster, Streams, Workload, await_end
from servers import BrokenPromise

POSTERS = 20
LEAST_CHUNKS = 1000

# Longer than any round needs to see it and to kill.
SLEEP_SECONDS = 5


class AtRandom:
    """No COMMIT is delayed."""

    inside = False

    def arm(self, cluster):
        pass

    def disarm(self, cluster):
        pass


class BeforeCommitRecord:
    """A deferred trigger sleeps in each transaction's COMMIT, before its record is written: what is killed then is
    undone."""

    inside = True
    waits_for = "PgSleep"

    # Once for each transaction, not for each of its rows.
    TRIGGER = f"""
        CREATE OR REPLACE FUNCTION delay_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('reliability.slept', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
                PERFORM set_config('reliability.slept', pg_current_xact_id()::text, true);
                PERFORM pg_sleep({SLEEP_SECONDS});
            END IF;
            RETURN NULL;
        END
        $$;
        CREATE CONSTRAINT TRIGGER delay_commit
         AFTER INSERT OR UPDATE ON chunk
        DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION delay_commit()
    """

    def arm(self, cluster):
        cluster.execute(self.TRIGGER)

    def disarm(self, cluster):
        cluster.execute("DROP TRIGGER delay_commit ON chunk")


class AfterFlush:
    """COMMIT waits for a standby that does not exist: what is killed then is durable, and nobody was told."""

    inside = True
    waits_for = "SyncRep"

    def arm(self, cluster):
        cluster.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")

    def disarm(self, cluster):
        cluster.execute("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


class Victims:
    """What is killed in a round, and how it comes back."""

    def __init__(self, service, cluster):
        self.service, self.cluster = service, cluster

    def kill(self, names):
        for name in names:
            (self.service if name == "service" else self.cluster).kill()

    def restart(self, names, moment):
        """A service that starts continues with the PostgreSQL that it left behind, or starts one after a dead one. A
        service that lives starts its PostgreSQL again by itself."""
        if "service" in names:
            self.service.start()
        else:
            servers.wait_until("PostgreSQL to be started again", self.cluster.answers)
        moment.disarm(self.cluster)


class Tally:

    def __init__(self):
        self.rounds, self.inside, self.least = 0, 0, None


def schedule(rounds, chance):
    """For each round what is killed and when: all nine pairs come up in turn, the order within them is random."""
    victims = [("service",), ("PostgreSQL",), ("service", "PostgreSQL"), ("PostgreSQL", "service")]
    delays = [BeforeCommitRecord(), AfterFlush()]
    chance.shuffle(victims)
    chance.shuffle(delays)
    for number in range(rounds):
        moment = delays[number // 3 % 2] if number % 3 == 1 else AtRandom()
        yield victims[(number + number // 12) % len(victims)], moment


def short_schedule():
    yield ("service",), AtRandom()
    yield ("PostgreSQL",), BeforeCommitRecord()
    yield ("service", "PostgreSQL"), AfterFlush()
    yield ("PostgreSQL",), AtRandom()


def commits_inside(cluster, moment):
    return cluster.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'metrology-ingest'"
                       " AND state = 'active' AND wait_event = %s", [moment.waits_for])[0][0]


def run_round(victims, names, moment, posters, ledger, gate, chance, tally):
    streams = Streams(chance)
    for poster in posters:
        poster.workload.use(streams)
    before = ledger.chunks
    gate.open()
    servers.wait_until(f"{LEAST_CHUNKS} acknowledged chunks", lambda: ledger.chunks - before >= LEAST_CHUNKS)
    time.sleep(chance.uniform(0, 0.5))
    moment.arm(victims.cluster)
    if moment.inside:
        servers.wait_until("a transaction inside its COMMIT", lambda: commits_inside(victims.cluster, moment))
        tally.inside += 1
    acknowledged = ledger.chunks - before
    victims.kill(names)
    gate.close()
    victims.restart(names, moment)
    if not gate.await_waiting(len(posters), 60):
        raise BrokenPromise("a poster got no answer for a minute")
    if "service" in names:
        ledger.close_open()
    checking.require_kept(ledger, victims.cluster, streams.data_ids)
    tally.rounds += 1
    tally.least = min(acknowledged, tally.least or acknowledged)
    print(f"round {tally.rounds}: {' and '.join(names)} killed"
          f" {'inside COMMIT, ' + moment.waits_for if moment.inside else 'at random'},"
          f" {acknowledged} chunks acknowledged before", flush=True)


def proof(options, folder, chance, stack):
    service, cluster = servers.embedded_service(options, folder, stack)
    victims, ledger, gate, tally = Victims(service, cluster), Ledger(), Gate(), Tally()
    gate.close()
    over = []
    posters = [Persistent(Poster(ledger, service.port, breaks=True),
                          Workload(number, random.Random(f"{options.seed} {number}"), Streams(chance)),
                          gate, lambda: over) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    for names, moment in short_schedule() if options.short else schedule(options.rounds, chance):
        run_round(victims, names, moment, posters, ledger, gate, chance, tally)
    over.append(True)
    gate.open()
    await_end(posters, ledger, 60)
    zeros = checking.require_kept(ledger, cluster)
    return (f"kill: {tally.rounds} rounds ({tally.inside} inside COMMIT), {ledger.chunks} chunks acknowledged"
            f" (at least {tally.least} before each kill); {zeros}")


if __name__ == "__main__":
    options = servers.arguments("kill -9 under load", rounds=(50, 4))
    servers.prove(options, proof)
