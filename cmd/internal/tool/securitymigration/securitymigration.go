// Package securitymigration is zookeeper-security-migration: it protects Kafka's nodes in
// ZooKeeper, or opens them again.
package securitymigration

import (
	"context"
	"strings"
	"time"

	"momus/cmd/internal/tool/clients"
	"momus/cmd/internal/tool/core"
	"momus/cmd/internal/tool/java"
	"momus/cmd/internal/tool/options"
	"momus/coordinator/zk"
	"momus/internal/jvm"
)

// migrationOptions are those of kafka.admin.ZkSecurityMigrator (KIP-38); its names have points, and
// only the one of KIP-515 has dashes.
func migrationOptions() *options.Options {
	return options.Read("ZooKeeper Migration Tool Help. This tool updates the ACLs of znodes as part of the process of setting up ZooKeeper authentication.", `
		--zookeeper.acl <secure|unsecure>    make Kafka's nodes in ZooKeeper secure or unsecure
		--zookeeper.connect <HOST:PORT,…>    ZooKeeper's servers, and the chroot at the end (default: localhost:2181)
		--zookeeper.session.timeout <MS>     timeout of the session (default: 30000)
		--zookeeper.connection.timeout <MS>  how long to wait for a connection (default: 30000)
		--enable.path.check                  end with an error if one of the root paths does not exist, instead of creating it
		--zk-tls-config-file <FILE>          TLS settings of the connection to ZooKeeper
	`).Standard().Wordless()
}

// Tool is zookeeper-security-migration.sh.
func Tool() core.Tool {
	return core.Tool{Name: "zookeeper-security-migration", Help: "protect Kafka's nodes in ZooKeeper, or open them", Class: "kafka.admin.ZkSecurityMigrator"}.
		Begun(migrationOptions, core.WithTexts(migrate, "zookeeper.acl", "zookeeper.connect", "zk-tls-config-file"))
}

// migrate writes the ACLs of all of Kafka's nodes anew: for secure only Kafka writes, and only
// Kafka reads what has secrets. Who runs it must be logged in as Kafka, or the brokers lock
// themselves out.
func migrate(ctx context.Context, c *core.Call, o *options.Options, texts map[string]string) error {
	opts, err := sessionOptions(o, texts)
	if err != nil {
		return err
	}
	if err := identify(c, texts["zk-tls-config-file"], &opts); err != nil {
		return err
	}
	switch texts["zookeeper.acl"] {
	case "secure":
		opts.SecureACLs = true
	case "unsecure":
	default:
		return options.Misuse("%s", o.Purpose)
	}
	client, err := clients.DialZooKeeperWith(c, ctx, opts)
	if err != nil {
		return err
	}
	defer client.Close()
	return run(ctx, c, client, o.Has("enable.path.check"))
}

// sessionOptions reads the two time-outs.
func sessionOptions(o *options.Options, texts map[string]string) (zk.Options, error) {
	opts := zk.Options{Connect: texts["zookeeper.connect"], MaxInFlight: 64}
	for name, d := range map[string]*time.Duration{"zookeeper.session.timeout": &opts.SessionTimeout, "zookeeper.connection.timeout": &opts.ConnectTimeout} {
		n, err := o.Number(name, 32)
		if err != nil {
			return opts, err
		}
		*d = time.Duration(n) * time.Millisecond
	}
	return opts, nil
}

// identify finds out who the tool is at ZooKeeper: nodes can only be protected for somebody.
func identify(c *core.Call, tlsFile string, opts *zk.Options) error {
	security, err := clients.ZooKeeperSecurity(c, tlsFile)
	if err != nil {
		return err
	}
	if !security.Authenticated() {
		file := jvm.FromEnvironment(c.Getenv)[jvm.LoginConfig]
		if file == "" {
			c.Errorf("ERROR: No JAAS configuration file has been specified and no TLS client certificate has been specified. Please make sure that you set " +
				"the system property java.security.auth.login.config or provide a ZooKeeper client TLS configuration via --zk-tls-config-file <filename> " +
				"identifying at least zookeeper.ssl.client.enable, zookeeper.clientCnxnSocket, and zookeeper.ssl.keystore.location\n")
			c.HintPerson("KAFKA_OPTS=-Djava.security.auth.login.config=FILE names a JAAS file with a section Client")
		} else {
			c.Printf("ERROR: Security isn't enabled, most likely the file isn't set properly: %s\n", file)
		}
		return java.IllegalArgument("Incorrect configuration")
	}
	security.Apply(opts)
	return nil
}

// run sets the ACLs.
func run(ctx context.Context, c *core.Call, client *zk.Client, checkPaths bool) error {
	if err := client.ResetACL(ctx, "/"); err != nil {
		return err
	}
	missing, err := client.MissingSecureRoots(ctx)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		c.Printf("Warning: The following secure root paths do not exist in ZooKeeper: %s\n", strings.Join(missing, ","))
		c.Println("That might be due to an incorrect chroot is specified when executing the command.")
		if checkPaths {
			c.Println("Exit the command.")
			return core.Exit(1)
		}
	}
	return client.ResetSecureRoots(ctx, nil)
}
