package zkserver

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/sirupsen/logrus"

	"momus/storage/vfs"
)

// Defaults of Options. They are ZooKeeper's own where it has one.
const (
	DefaultTickTime       = 2000 * time.Millisecond // tickTime
	DefaultMaxClientCnxns = 60                      // maxClientCnxns
	DefaultMaxBuffer      = 0xfffff                 // jute.maxbuffer: 1 MiB - 1
	DefaultSnapshotBytes  = 4 << 20                 // replayed in about 0.1 s
)

// Options says where a server keeps its data and how it serves. Only Dir is required.
type Options struct {
	// Dir holds the transaction log and the snapshots. It is created, and locked while the server
	// runs.
	Dir string
	// FS is the file system that Dir is in; nil is the operating system's.
	FS vfs.FS
	// Listen is the TCP address, such as "127.0.0.1:2181". Empty means "127.0.0.1:0": a free port
	// (see Server.Addr).
	Listen string
	// TickTime is ZooKeeper's unit of time: sessions expire on its multiples. 0 means
	// DefaultTickTime.
	TickTime time.Duration
	// MinSessionTimeout and MaxSessionTimeout bound what a client may ask for. 0 means 2 and 20
	// ticks.
	MinSessionTimeout, MaxSessionTimeout time.Duration
	// MaxClientCnxns bounds the connections of one client address. 0 means DefaultMaxClientCnxns,
	// below 0 no bound.
	MaxClientCnxns int
	// MaxBuffer bounds one request in bytes, as jute.maxbuffer does. 0 means DefaultMaxBuffer.
	MaxBuffer int
	// SnapshotBytes is how large the log grows before a snapshot replaces it. 0 means
	// DefaultSnapshotBytes.
	SnapshotBytes int64
	// NoSync acknowledges writes once the operating system has them, without fsync: they survive
	// the end of this process, not the end of the machine.
	NoSync bool
	// EndOldSessions ends the sessions that the last run left behind at once, instead of waiting
	// for their clients to come back. It is for a server whose clients live and die in its own
	// process, as in the quick start.
	EndOldSessions bool
	// Users are the users of SASL DIGEST-MD5 with their passwords, as section Server of ZooKeeper's
	// JAAS file names them; nil for no SASL.
	Users map[string]string
	// SuperUser is the one of Users that no ACL stops (zookeeper.superUser), "" for none.
	SuperUser string
	// TLS is what connections to SecureListen speak; nil for no such listener.
	TLS *tls.Config
	// SecureListen is the address for TLS (secureClientPort). Empty means a free port of 127.0.0.1
	// (see Server.SecureAddr).
	SecureListen string
	// SecureOnly leaves out the port without TLS, as a zoo.cfg with secureClientPort and without
	// clientPort does. It needs TLS.
	SecureOnly bool
	// Subject prints the subject of a client's certificate, which is its ID of scheme x509 then;
	// nil takes no certificate for a login.
	Subject func(*x509.Certificate) string
	// Nonce makes what challenges have to be unpredictable, for tests; nil is random.
	Nonce func() string
	// Kafka is where a Kafka client that has come to this port would find a broker, for the log; ""
	// when that is not known.
	Kafka string
	// Logger receives what the server has to say; nil discards it.
	Logger *logrus.Entry
	// Now is the clock, for tests; nil means time.Now.
	Now func() time.Time
}
