"""kazoo at work on the coordination server whose address is the only argument; prints ok at the end."""
import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (BadVersionError, NoAuthError, NodeExistsError, NoNodeError, NotEmptyError, RolledBackError,
                              RuntimeInconsistency)
from kazoo.security import make_digest_acl

address = sys.argv[1]
zk = KazooClient(hosts=address, timeout=5.0)
zk.start(timeout=10)
assert zk.state == KazooState.CONNECTED
assert zk.server_version()[:2] == (3, 4), zk.server_version()
assert zk.command(b"ruok") == "imok"

zk.ensure_path("/kazoo/a/b")
assert zk.create("/kazoo/n", b"one") == "/kazoo/n"
path, stat = zk.create("/kazoo/n2", b"two", include_data=True)  # create2
assert path == "/kazoo/n2" and stat.version == 0 and stat.data_length == 3, stat
data, stat = zk.get("/kazoo/n")
assert data == b"one" and stat.version == 0
assert zk.set("/kazoo/n", b"changed", version=0).version == 1
for wrong, error in [
    (lambda: zk.set("/kazoo/n", b"", version=0), BadVersionError),
    (lambda: zk.create("/kazoo/n"), NodeExistsError),
    (lambda: zk.get("/kazoo/none"), NoNodeError),
    (lambda: zk.delete("/kazoo/a"), NotEmptyError),
]:
    try:
        wrong()
    except error:
        pass
    else:
        raise AssertionError(error)
assert sorted(zk.get_children("/kazoo")) == ["a", "n", "n2"]
assert zk.sync("/kazoo") == "/kazoo"

# sequential and ephemeral nodes, multi
names = [zk.create("/kazoo/s-", sequence=True, ephemeral=True) for _ in range(3)]
assert [n[-10:] for n in names] == ["0000000003", "0000000004", "0000000005"], names
t = zk.transaction()
t.check("/kazoo/n", 1)
t.create("/kazoo/t", b"t")
t.set_data("/kazoo/n", b"again")
t.delete("/kazoo/n2")
results = t.commit()
assert results[1] == "/kazoo/t" and results[2].version == 2, results
t = zk.transaction()
t.create("/kazoo/u")
t.check("/kazoo/n", 99)
t.delete("/kazoo/t")
results = t.commit()
assert [type(r) for r in results] == [RolledBackError, BadVersionError, RuntimeInconsistency], results

# watches
seen = threading.Event()
zk.get("/kazoo/n", watch=lambda event: seen.set())
children = []
changed = threading.Condition()


@zk.ChildrenWatch("/kazoo/a")
def on_children(now):
    with changed:
        children.append(sorted(now))
        changed.notify_all()


zk.set("/kazoo/n", b"")
assert seen.wait(10)
zk.create("/kazoo/a/c")
with changed:
    assert changed.wait_for(lambda: children[-1] == ["b", "c"], 10), children

# ACLs
zk.add_auth("digest", "user:secret")
zk.create("/kazoo/mine", b"", acl=[make_digest_acl("user", "secret", all=True)])
other = KazooClient(hosts=address, timeout=5.0)
other.start(timeout=10)
try:
    other.get("/kazoo/mine")
except NoAuthError:
    pass
else:
    raise AssertionError("read without permission")
assert zk.get_acls("/kazoo/mine")[0][0].perms == 31

# a lock between two clients, and an election
lock, rival = zk.Lock("/kazoo/lock", "zk"), other.Lock("/kazoo/lock", "other")
assert lock.acquire(timeout=10)
assert not rival.acquire(blocking=False)
lock.release()
assert rival.acquire(timeout=10)
rival.release()
queue = zk.Queue("/kazoo/queue")
queue.put(b"first")
assert queue.get() == b"first"

# an ephemeral node ends with its session, and its watcher is told
other.create("/kazoo/gone", ephemeral=True)
gone = threading.Event()
assert zk.exists("/kazoo/gone", watch=lambda event: gone.set())
other.stop()
other.close()
assert gone.wait(10)
assert zk.exists("/kazoo/gone") is None

# the session outlives its connection
session = zk.client_id
zk._connection._socket.shutdown(2)
zk.retry(zk.get, "/kazoo/n")
assert zk.client_id == session, (zk.client_id, session)
assert zk.exists(names[0])
zk.delete("/kazoo", recursive=True)
zk.stop()
zk.close()
print("ok")
