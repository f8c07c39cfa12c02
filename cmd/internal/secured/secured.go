// Package secured makes what a secured cluster for trying things out needs: an authority and
// certificates, users with passwords, the rights of these users, and the files that clients take.
// It is what momus quickstart --secure adds to a quickstart; it starts no server.
package secured

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"momus/cmd/internal/certs"
	"momus/coordinator/zkserver"
	"momus/internal/jaas"
	"momus/internal/keystore"
)

// The users of a cluster. Broker is who brokers are to each other, and ZooKeeper's user who they
// are to the coordination server. Alice may write, Bob may read.
const (
	Admin         = "admin"
	Broker        = "broker"
	Alice         = "alice"
	Bob           = "bob"
	zooKeeperUser = "kafka"
)

// Prefix begins the names of the topics and groups that alice and bob may use.
const Prefix = "hello"

// Mechanism is how users log in.
const Mechanism = "SCRAM-SHA-512"

// Cluster is a secured cluster's directory of secrets.
type Cluster struct {
	dir     certs.Dir
	secrets secrets
	fresh   bool
	now     func() time.Time
}

// secrets are kept in one file, so that a cluster has all of them or none.
type secrets struct {
	Comment string            `json:"comment"`
	Users   map[string]string `json:"users"`     // passwords of Kafka's users
	ZK      string            `json:"zookeeper"` // password of the brokers at the coordination server
	Stores  string            `json:"stores"`    // password of key store and trust store
}

// The files in the directory, beside those of clients.
const (
	secretsFile = "secrets.json"
	jaasFile    = "jaas.conf"
	brokerName  = "broker"
)

// Exists reports whether dir holds the secrets of a cluster.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, secretsFile))
	return err == nil
}

// Open reads the secrets in dir, or makes them. What has expired since, or will soon, is made anew.
func Open(dir string, now func() time.Time) (*Cluster, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: certs.Dir{Path: abs, Replace: true}, now: now}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(abs, secretsFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, c.make()
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(data, &c.secrets); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(abs, secretsFile), err)
	}
	return c, c.renew()
}

// make makes everything; the secrets come last, since they say that the rest is there.
func (c *Cluster) make() error {
	c.fresh = true
	c.secrets = secrets{Comment: "made by momus quickstart --secure, for trying things out", Users: map[string]string{}, ZK: certs.NewPassword(), Stores: certs.NewPassword()}
	for _, user := range []string{Admin, Broker, Alice, Bob} {
		c.secrets.Users[user] = certs.NewPassword()
	}
	authority, err := certs.NewAuthority(certs.Spec{Name: "momus quickstart CA"}, c.now())
	if err != nil {
		return err
	}
	if err := c.dir.WriteAuthority(authority); err != nil {
		return err
	}
	if err := c.issue(authority); err != nil {
		return err
	}
	if err := c.dir.Write(jaasFile, c.jaas()); err != nil {
		return err
	}
	data, err := json.MarshalIndent(c.secrets, "", "  ")
	if err != nil {
		return err
	}
	return c.dir.Write(secretsFile, append(data, '\n'))
}

// issue makes the certificate of the brokers, which are all on this machine.
func (c *Cluster) issue(authority *certs.Identity) error {
	i, err := authority.IssueBroker(certs.Spec{Name: brokerName, Hosts: []string{"localhost", "127.0.0.1", "::1"}}, c.now())
	if err != nil {
		return err
	}
	_, err = certs.Bundle{Dir: c.dir, Name: brokerName, Password: c.secrets.Stores}.Write(i)
	return err
}

// renewal is how long before its end the brokers' certificate is made anew at a start.
const renewal = 30 * 24 * time.Hour

// renew makes the brokers' certificate anew when it ends soon.
func (c *Cluster) renew() error {
	pair, err := keystore.Store{Location: c.path(brokerName + ".keystore.p12"), Password: c.secrets.Stores}.KeyPair()
	if err == nil && pair.Leaf != nil && c.now().Add(renewal).Before(pair.Leaf.NotAfter) {
		return nil
	}
	authority, err := c.dir.ReadAuthority()
	if err != nil {
		return err
	}
	return c.issue(authority)
}

// path is the path of a file in the directory of the cluster's secrets.
func (c *Cluster) path(name string) string { return filepath.Join(c.dir.Path, name) }

// jaas is the file for brokers, for the coordination server and for tools that speak to it.
func (c *Cluster) jaas() []byte {
	return fmt.Appendf(nil, `// Brokers to each other.
KafkaServer {
    %s required
    username="%s" password="%s";
};

// Brokers and tools to ZooKeeper: KAFKA_OPTS=-Djava.security.auth.login.config=THIS_FILE
Client {
    %s required
    username="%s" password="%s";
};

// ZooKeeper.
Server {
    %[4]s required
    user_%[5]s="%[6]s";
};
`, jaas.ScramModule, Broker, c.secrets.Users[Broker], jaas.ZooKeeperDigest, zooKeeperUser, c.secrets.ZK)
}

// Coordination gives the coordination server its users.
func (c *Cluster) Coordination(o *zkserver.Options) {
	o.Users = map[string]string{zooKeeperUser: c.secrets.ZK}
}

// Protocol is that of the brokers' listener.
const Protocol = "SASL_SSL"

// Environment is what brokers find in theirs.
func (c *Cluster) Environment() []string {
	return []string{"KAFKA_OPTS=-Djava.security.auth.login.config=" + c.path(jaasFile)}
}

// Settings are those of every broker.
func (c *Cluster) Settings() []string {
	return []string{
		"security.inter.broker.protocol=" + Protocol,
		"sasl.enabled.mechanisms=" + Mechanism,
		"sasl.mechanism.inter.broker.protocol=" + Mechanism,
		"ssl.keystore.type=PKCS12",
		"ssl.keystore.location=" + c.path(brokerName+".keystore.p12"),
		"ssl.keystore.password=" + c.secrets.Stores,
		"ssl.key.password=" + c.secrets.Stores,
		"ssl.truststore.type=PKCS12",
		"ssl.truststore.location=" + c.path(brokerName+".truststore.p12"),
		"ssl.truststore.password=" + c.secrets.Stores,
		"ssl.protocol=TLSv1.3",
		"ssl.enabled.protocols=TLSv1.3,TLSv1.2",
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer",
		"super.users=User:" + Admin + ";User:" + Broker,
		"allow.everyone.if.no.acl.found=false",
		"zookeeper.set.acl=true",
	}
}
