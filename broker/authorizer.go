package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"momus/broker/security/authorizer"
	"momus/configs"
	"momus/coordinator/acl"
	"momus/coordinator/zk"
	"momus/internal/release"

	"github.com/sirupsen/logrus"
)

// Keys of the authorizer, which Kafka's table of keys does not have.
const (
	superUsersKey        = "super.users"
	allowEveryoneKey     = "allow.everyone.if.no.acl.found"
	authorizerKeyPrefix  = "authorizer."
	authorizerConnectKey = "authorizer.zookeeper.url"
)

// authorizerPolicy reads who may do everything. A setting that cannot be meant stops the start: to
// ignore it would open or close too much.
func authorizerPolicy(c *configs.Config) (acl.Policy, error) {
	allowUnknown := false
	if set, ok := c.Get(allowEveryoneKey); ok {
		var err error
		if allowUnknown, err = strconv.ParseBool(strings.ToLower(set.Value)); err != nil {
			return acl.Policy{}, fmt.Errorf("%s=%s is neither true nor false (%s)", allowEveryoneKey, set.Value, set.Origin)
		}
	}
	super, _ := c.Get(superUsersKey)
	return acl.NewPolicy(super.Value, allowUnknown)
}

// checkAuthorizer reports what is wrong with the settings of the authorizer.
func checkAuthorizer(c *configs.Config) error {
	if c.Broker().AuthorizerClassName == "" {
		return nil
	}
	_, err := authorizerPolicy(c)
	_, errZK := authorizerZooKeeper(c)
	return errors.Join(authorizer.CheckClass(c.Broker().AuthorizerClassName), err, errZK)
}

// authorizerZooKeeper is how the authorizer reaches ZooKeeper: as the broker does, but for keys
// with its prefix.
func authorizerZooKeeper(c *configs.Config) (zk.Options, error) {
	o := zooKeeperOptions(c.Broker())
	if set, ok := c.Get(authorizerConnectKey); ok && set.Value != "" {
		o.Connect = set.Value
	}
	number := func(key string, to func(n int)) error {
		set, ok := c.Get(authorizerKeyPrefix + key)
		if !ok {
			return nil
		}
		n, err := strconv.ParseInt(strings.TrimSpace(set.Value), 10, 32)
		if err != nil || n < 1 {
			return fmt.Errorf("%s%s=%s is not a number of 1 or more (%s)", authorizerKeyPrefix, key, set.Value, set.Origin)
		}
		to(int(n))
		return nil
	}
	return o, errors.Join(
		number("zookeeper.session.timeout.ms", func(n int) { o.SessionTimeout = time.Duration(n) * time.Millisecond }),
		number("zookeeper.connection.timeout.ms", func(n int) { o.ConnectTimeout = time.Duration(n) * time.Millisecond }),
		number("zookeeper.max.in.flight.requests", func(n int) { o.MaxInFlight = n }),
	)
}

// startAuthorizer makes the authorizer, with a ZooKeeper session of its own, if one is wanted.
func (b *Broker) startAuthorizer(ctx context.Context, p *parts) error {
	c := b.config.Broker()
	if c.AuthorizerClassName == "" {
		return nil
	}
	policy, err := authorizerPolicy(b.config)
	if err != nil {
		return err
	}
	o, err := authorizerZooKeeper(b.config)
	if err != nil {
		return err
	}
	o.Logger = b.logFor("kafka.zookeeper.ZooKeeperClient").WithField("session_of", "ACL authorizer")
	if err := b.secureZooKeeper(&o, authorizerKeyPrefix); err != nil {
		return fmt.Errorf("authorizer: %w", err)
	}
	client, err := zk.Dial(ctx, o)
	if err != nil {
		return fmt.Errorf("authorizer: %w", err)
	}
	p.onStop(func() {
		// It is a session of its own, as Kafka's authorizer has: if it is lost, the broker is still
		// registered.
		if err := client.Close(); err != nil {
			b.log.WithError(err).Warn("the authorizer's ZooKeeper session was not closed in an orderly way")
		}
	})
	b.metrics.ExportSession("kafka_security_aclauthorizer_", client.Events())
	audit, err := b.auditLog(p)
	if err != nil {
		return err
	}
	b.authorizer = authorizer.New(authorizer.Options{
		Class: c.AuthorizerClassName, ZK: client, Policy: policy, PrefixedRefused: c.InterBrokerVersion() < release.V2_0_IV1,
		Audit: audit, Logger: b.logFor(c.AuthorizerClassName), Now: b.opts.Now, Denied: b.sawDenial,
	})
	if err := b.authorizer.Start(ctx); err != nil {
		return fmt.Errorf("authorizer: %w", err)
	}
	// Start has read all ACLs: no listener is open before they are known.
	p.run("authorizer", b.authorizer.Run)
	return nil
}

// auditLogger is the logger of the authorizer's decisions.
const auditLogger = "kafka.authorizer.logger"

// auditLog is where the authorizer's decisions go: momus.audit.log, or the other logs.
func (b *Broker) auditLog(p *parts) (*logrus.Entry, error) {
	name := b.config.AuditLog()
	if name == "" {
		return b.logFor(auditLogger), nil
	}
	// Stdout is not closed at the stop; a file is, after everything that may still write to it,
	// since parts stop in reverse.
	out := os.Stdout
	if name != "stdout" {
		// Lines are appended, so that a tool may move the file away by copying and truncating it.
		file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; name a file in a directory that exists and that this user may write to", configs.AuditLogKey, err)
		}
		p.onStop(func() {
			if err := file.Close(); err != nil {
				b.log.WithError(err).Warn("the audit log was not closed in an orderly way")
			}
		})
		out = file
	}
	var form logrus.Formatter = log4jLines{}
	if b.config.LogFormat() == "json" {
		form = &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano}
	}
	b.loggers.redirect(auditLogger, out, form)
	return b.logFor(auditLogger), nil
}

// log4jLines is the form of the file that Kafka's log4j.properties gives this logger: [%d] %p %m
// (%c).
type log4jLines struct{}

// Format implements logrus.Formatter.
func (log4jLines) Format(e *logrus.Entry) ([]byte, error) {
	b := e.Time.AppendFormat([]byte{'['}, "2006-01-02 15:04:05,000")
	b = append(append(b, "] "...), levelName(e.Level)...)
	b = append(append(b, ' '), e.Message...)
	return append(b, " ("+auditLogger+")\n"...), nil
}
