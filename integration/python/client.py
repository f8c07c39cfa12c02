"""The test client in Python: the same commands as java/src/Client.java, over one of several libraries.

    client.py LIBRARY produce BOOTSTRAP TOPIC CODEC COUNT NAME [acks]
    client.py LIBRARY consume BOOTSTRAP TOPIC COUNT
    client.py LIBRARY member  BOOTSTRAP TOPIC GROUP

LIBRARY: librdkafka (confluent-kafka) or kafka-python. MOMUS_API_VERSION=0.8.2 makes them speak an old protocol.
"""
import json
import os
import select
import sys
import time


def old_version():
    v = os.environ.get("MOMUS_API_VERSION")
    return v and tuple(int(x) for x in v.split("."))


def security():
    """How to log in: settings of the library as JSON in MOMUS_CLIENT_JSON."""
    return json.loads(os.environ.get("MOMUS_CLIENT_JSON", "{}"))


def line(partition, key, value, headers):
    hs = "".join("%s=%s" % (k, v.decode()) for k, v in headers or [])
    return "%d\t%s\t%s\t%s\n" % (partition, key.decode(), value.decode(), hs)


def stdin_closed():
    return bool(select.select([sys.stdin], [], [], 0)[0]) and not sys.stdin.read(1)


def settings(**names):
    """Settings of a group member from the environment: library's name by variable's."""
    return {name: os.environ[v] for v, name in names.items() if v in os.environ}


class Librdkafka:
    def conf(self, bootstrap, **more):
        c = {"bootstrap.servers": bootstrap, **security()}
        token = c.pop("oauth.token", None)
        if token:
            c["oauth_cb"] = lambda _: (token, time.time() + 3600)
        v = os.environ.get("MOMUS_API_VERSION")
        if v:
            c.update({"api.version.request": False, "broker.version.fallback": v})
        c.update(more)
        return c

    def produce(self, bootstrap, topic, codec, count, name, acks="all"):
        import confluent_kafka
        errors = []
        p = confluent_kafka.Producer(self.conf(bootstrap, **{"compression.type": codec, "acks": acks, "linger.ms": 20}))
        for i in range(int(count)):
            kw = {} if old_version() else {"headers": [("n", str(i).encode())]}
            p.produce(topic, key="%s-%d" % (name, i), value="%s value %d" % (name, i),
                      on_delivery=lambda e, m: e and errors.append(e), **kw)
            p.poll(0)
        if p.flush(60) or errors:
            sys.exit("not delivered: %s" % errors[:3])

    def consume(self, bootstrap, topic, count):
        import confluent_kafka as ck
        c = ck.Consumer(self.conf(bootstrap, **{"group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "earliest"}))
        md = c.list_topics(topic, timeout=20)
        c.assign([ck.TopicPartition(topic, p, 0) for p in md.topics[topic].partitions])
        end, got = time.time() + 60, 0
        while got < int(count) and time.time() < end:
            m = c.poll(0.5)
            if m is None:
                continue
            if m.error():
                sys.exit(str(m.error()))
            got += 1
            sys.stdout.write(line(m.partition(), m.key(), m.value(), m.headers()))
        c.close()

    def member(self, bootstrap, topic, group):
        import confluent_kafka as ck
        c = ck.Consumer(self.conf(bootstrap, **{"group.id": group, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                                                "auto.commit.interval.ms": 200, "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 500,
                                                **settings(MOMUS_INSTANCE_ID="group.instance.id", MOMUS_SESSION_MS="session.timeout.ms",
                                                           MOMUS_CLIENT_ID="client.id")}))
        c.subscribe([topic], on_assign=lambda _, ps: print("assigned " + ",".join(str(p.partition) for p in sorted(ps)), flush=True))
        while not stdin_closed():
            m = c.poll(0.1)
            if m is not None and not m.error():
                print("got " + m.value().decode(), flush=True)
        c.close()


class KafkaPython:
    def kw(self):
        v = old_version()
        return {**({"api_version": v} if v else {}), **self.security()}

    def security(self):
        s = security()
        if "sasl_oauth_token_provider" in s:
            token = s["sasl_oauth_token_provider"]
            from kafka.net.sasl.oauth import AbstractTokenProvider
            s["sasl_oauth_token_provider"] = type("Provider", (AbstractTokenProvider,), {"token": lambda self: token})()
        return s

    def produce(self, bootstrap, topic, codec, count, name, acks="all"):
        import kafka
        p = kafka.KafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec,
                                acks="all" if acks == "all" else int(acks), linger_ms=20, **self.kw())
        fs = []
        for i in range(int(count)):
            h = {} if old_version() else {"headers": [("n", str(i).encode())]}
            fs.append(p.send(topic, key=("%s-%d" % (name, i)).encode(), value=("%s value %d" % (name, i)).encode(), **h))
        p.flush(60)
        for f in fs:
            f.get(60)
        p.close()

    def consume(self, bootstrap, topic, count):
        import kafka
        c = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **self.kw())
        end, got = time.time() + 60, 0
        while not c.partitions_for_topic(topic) and time.time() < end:
            time.sleep(0.1)
        tps = [kafka.TopicPartition(topic, p) for p in c.partitions_for_topic(topic)]
        c.assign(tps)
        c.seek_to_beginning(*tps)
        while got < int(count) and time.time() < end:
            for records in c.poll(500).values():
                for r in records:
                    got += 1
                    sys.stdout.write(line(r.partition, r.key, r.value, r.headers))
        c.close()

    def member(self, bootstrap, topic, group):
        import kafka
        own = settings(MOMUS_INSTANCE_ID="group_instance_id", MOMUS_CLIENT_ID="client_id")
        c = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, session_timeout_ms=int(os.environ.get("MOMUS_SESSION_MS", 6000)),
                                heartbeat_interval_ms=500, auto_commit_interval_ms=200, auto_offset_reset="earliest", metadata_max_age_ms=2000,
                                **own, **self.kw())

        class Listener(kafka.ConsumerRebalanceListener):
            def on_partitions_revoked(self, revoked):
                pass

            def on_partitions_assigned(self, assigned):
                print("assigned " + ",".join(str(p.partition) for p in sorted(assigned)), flush=True)

        c.subscribe([topic], listener=Listener())
        while not stdin_closed():
            try:
                # 3.0.12 loses its membership for good if this time ends between the answers to JoinGroup and
                # SyncGroup: it then neither syncs nor sends heartbeats. Hence few ends.
                polled = c.poll(3000)
            except kafka.errors.KafkaConnectionError:
                continue  # the library tells its user when a broker is gone
            for records in polled.values():
                for r in records:
                    print("got " + r.value.decode(), flush=True)
        c.close()


lib = {"librdkafka": Librdkafka, "kafka-python": KafkaPython}[sys.argv[1]]()
getattr(lib, sys.argv[2])(*sys.argv[3:])
