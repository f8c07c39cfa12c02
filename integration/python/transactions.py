"""Transactions with librdkafka (confluent-kafka): the same commands as java/src/Transactions.java.

    states  BOOTSTRAP TOPIC ID
    fence   BOOTSTRAP TOPIC ID
    timeout BOOTSTRAP TOPIC ID MS
    flood   BOOTSTRAP TOPIC COUNT

Errors are printed by librdkafka's names; "fatal" says that the producer cannot go on.
"""
import sys

import confluent_kafka as ck

stuck = []  # producers that cannot be closed quietly


def attempt(what, action):
    try:
        action()
        print(what + ": ok", flush=True)
    except ck.KafkaException as e:
        err = e.args[0]
        print("%s: %s%s" % (what, err.name(), " fatal" if err.fatal() else ""), flush=True)


def producer(bootstrap, tid, **more):
    conf = {"bootstrap.servers": bootstrap, "transactional.id": tid}
    conf.update(more)
    p = ck.Producer(conf)
    p.init_transactions(30)
    return p


def send(p, topic, value):
    """Sends one record and waits for its answer."""
    failed = []
    p.produce(topic, key="k", value=value, partition=0, on_delivery=lambda e, m: failed.append(e))
    try:
        p.flush(30)
    except (ck.KafkaException, SystemError):
        pass  # a fatal error is raised here too; the callback has it
    if not failed:
        raise SystemExit("no answer to " + value)
    if failed[0]:
        raise ck.KafkaException(failed[0])


def states(bootstrap, topic, tid):
    for i in range(3):
        p = producer(bootstrap, tid)
        p.begin_transaction()
        attempt("empty commit", p.commit_transaction)
        p.begin_transaction()
        attempt("empty abort", p.abort_transaction)
        p.begin_transaction()
        p.produce(topic, key="k", value="committed %d" % i)
        attempt("commit", p.commit_transaction)
        p.begin_transaction()
        send(p, topic, "aborted %d" % i)
        attempt("abort", p.abort_transaction)


def fence(bootstrap, topic, tid):
    for what in ("commit", "abort", "send", "offsets", "begin"):
        own = tid + "-" + what
        first = producer(bootstrap, own)
        stuck.append(first)
        if what != "begin":
            first.begin_transaction()
            send(first, topic, "of the fenced")
        second = producer(bootstrap, own)

        def action():
            if what == "commit":
                first.commit_transaction(30)
            elif what == "abort":
                first.abort_transaction(30)
            elif what == "send":
                send(first, topic, "of the fenced")
            elif what == "offsets":
                c = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": own})
                first.send_offsets_to_transaction([ck.TopicPartition(topic, 0, 1)], c.consumer_group_metadata(), 30)
            else:
                first.begin_transaction()
                first.produce(topic, key="k", value="of the fenced", partition=0)
                first.commit_transaction(30)  # a delivery report says only that the queue was purged

        attempt("fenced " + what, action)
        if what == "send":
            attempt("commit after that", lambda: first.commit_transaction(30))
        second.begin_transaction()
        send(second, topic, "of the second")
        attempt("second commits", second.commit_transaction)
    attempt("timeout above the limit", lambda: producer(bootstrap, tid + "-long", **{"transaction.timeout.ms": 2000000000}))


def timeout(bootstrap, topic, tid, ms):
    p = producer(bootstrap, tid, **{"transaction.timeout.ms": int(ms)})
    stuck.append(p)
    p.begin_transaction()
    send(p, topic, "too late")
    print("sent", flush=True)
    sys.stdin.read()
    attempt("commit after the timeout", lambda: p.commit_transaction(30))

    def again():
        following = producer(bootstrap, tid)
        following.begin_transaction()
        following.produce(topic, key="k", value="in time")
        following.commit_transaction(30)

    attempt("as a new producer", again)


def flood(bootstrap, topic, count):
    p = ck.Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "retry.backoff.ms": 5, "reconnect.backoff.ms": 5,
                     "reconnect.backoff.max.ms": 20, "batch.size": 2000, "message.timeout.ms": 0, "queue.buffering.max.messages": 20000})
    failed = []
    for i in range(int(count)):
        while True:
            try:
                p.produce(topic, key=str(i), value=str(i), on_delivery=lambda e, m: e and failed.append(e))
                break
            except BufferError:
                p.poll(0.1)
        p.poll(0)
    left = p.flush(60)
    print("flood: " + ("ok" if not failed and not left else "%d left, %s" % (left, failed[:3])))


{"states": states, "fence": fence, "timeout": timeout, "flood": flood}[sys.argv[1]](*sys.argv[2:])
