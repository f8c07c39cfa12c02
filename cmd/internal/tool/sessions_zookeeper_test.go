package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// The commands of ZooKeeper's shell, one after the other from standard input, as a script gives
// them. A mistake ends nothing.
func TestZooKeeperShellReadsCommands(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Cluster: tooltest.NewCluster(t, 1, nil), Hide: map[string]string{
		`= 0x[0-9a-f]+`: "= 0xN", `(?m)^([cm]time) = .*`: "$1 = TIME", `"timestamp":"\d+"`: `"timestamp":"T"`, `\d{4}/\d\d/\d\d.*`: "LOG"}}
	s.Play(t, `
$ zookeeper-shell ZOOKEEPER <<< 'create /a one' 'get /a' 'set /a two' 'get -s /a' 'stat /a' 'ls /' quit
Connecting to ZOOKEEPER
Welcome to ZooKeeper!
JLine support is disabled

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
one
two
cZxid = 0xN
ctime = TIME
mZxid = 0xN
mtime = TIME
pZxid = 0xN
cversion = 0
dataVersion = 1
aclVersion = 0
ephemeralOwner = 0xN
dataLength = 3
numChildren = 0
cZxid = 0xN
ctime = TIME
mZxid = 0xN
mtime = TIME
pZxid = 0xN
cversion = 0
dataVersion = 1
aclVersion = 0
ephemeralOwner = 0xN
dataLength = 3
numChildren = 0
[a, admin, brokers, cluster, config, consumers, controller, controller_epoch, isr_change_notification, latest_producer_id_block, log_dir_event_notification, zookeeper]

WATCHER::

WatchedEvent state:Closed type:None path:null
! Created /a
$ zookeeper-shell ZOOKEEPER <<< 'create /a again' 'create /b/c x' 'create -s /a/n x' 'create -e /a/e x' 'ls /a' 'ls -s /a' 'ls -R /a' quit
Connecting to ZOOKEEPER
Welcome to ZooKeeper!
JLine support is disabled

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
[e, n0000000000]
[e, n0000000000]cZxid = 0xN
ctime = TIME
mZxid = 0xN
mtime = TIME
pZxid = 0xN
cversion = 2
dataVersion = 1
aclVersion = 0
ephemeralOwner = 0xN
dataLength = 3
numChildren = 2

/a
/a/e
/a/n0000000000

WATCHER::

WatchedEvent state:Closed type:None path:null
! Node already exists: /a
! Node does not exist: /b/c
! Created /a/n0000000000
! Created /a/e
$ zookeeper-shell ZOOKEEPER <<< 'set /a three 7' 'set -v 1 /a three' 'delete -v 9 /a' 'delete /a' 'deleteall /a' 'get /a' quit
Connecting to ZOOKEEPER
Welcome to ZooKeeper!
JLine support is disabled

WATCHER::

WatchedEvent state:SyncConnected type:None path:null

WATCHER::

WatchedEvent state:Closed type:None path:null
! version No is not valid : /a
! version No is not valid : /a
! Node not empty: /a
! org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /a
$ zookeeper-shell ZOOKEEPER <<< 'create /q' 'getAcl /q' 'setAcl /q world:anyone:r' 'getAcl /q' 'set /q x' 'addauth digest bob:pw' 'create /r x auth::cdrwa' 'getAcl /r' quit
Connecting to ZOOKEEPER
Welcome to ZooKeeper!
JLine support is disabled

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
'world,'anyone
: cdrwa
'world,'anyone
: r
'digest,'bob:ikIaKsbtGweaHnb/jKn7OHqbunM=
: cdrwa

WATCHER::

WatchedEvent state:Closed type:None path:null
! Created /q
! Authentication is not valid : /q
! Created /r
$ zookeeper-shell ZOOKEEPER <<< 'history' 'redo 1' 'printwatches' 'printwatches off' 'sync /q' 'config' 'unknown' 'ls' 'get' 'ls /none' 'stat none' quit
Connecting to ZOOKEEPER
Welcome to ZooKeeper!
JLine support is disabled

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
0 - history
printwatches is on
Sync is OK
! Command index out of range
! Node does not exist: /zookeeper/config
! (the commands)
! Command not found: Command not found unknown
! ls [-s] [-w] [-R] path
! get [-s] [-w] path
! Node does not exist: /none
! Path must start with / character
$ zookeeper-shell ZOOKEEPER ls /brokers/topics
Connecting to ZOOKEEPER

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
[]
$ zookeeper-shell ZOOKEEPER get /none
Connecting to ZOOKEEPER

WATCHER::

WatchedEvent state:SyncConnected type:None path:null
! org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /none
= 1
$ zookeeper-shell ZOOKEEPER nonsense
Connecting to ZOOKEEPER
! (the commands)
! Command not found: Command not found nonsense
= 127
$ zookeeper-shell
USAGE: zookeeper-shell zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]
= 1
`)
}
