package broker

import (
	"errors"

	"momus/coordinator/zk"
	"momus/coordinator/zk/zkconfig"
)

// secureZooKeeper puts into opts how this broker speaks to ZooKeeper: TLS, and who it is there. A
// key with the prefix goes before the one without.
func (b *Broker) secureZooKeeper(opts *zk.Options, prefix string) error {
	security, err := zkconfig.Read(zkconfig.Source{
		Setting: func(key string) (string, bool) {
			if s, ok := b.config.Get(prefix + key); ok {
				return s.Value, true
			}
			s, ok := b.config.Get(key)
			return s.Value, ok
		},
		Properties: b.config.Environment().Properties,
	})
	if err != nil {
		return err
	}
	if security.Warning != "" {
		opts.Logger.Warn(security.Warning)
	}
	if opts.SecureACLs && !security.Authenticated() {
		return errors.New("zookeeper.set.acl is true, but this broker has no identity at ZooKeeper that the ACLs could name: give a JAAS file with a section Client " +
			"(KAFKA_OPTS=-Djava.security.auth.login.config=FILE), or set zookeeper.ssl.client.enable=true with zookeeper.ssl.keystore.location")
	}
	security.Apply(opts)
	return nil
}
