package clients

import (
	"context"
	"strings"

	"momus/cmd/internal/tool/core"
	"momus/coordinator/zk"
	"momus/coordinator/zk/zkconfig"
	"momus/internal/jvm"
)

// ZooKeeperSecurity reads how a tool is to speak to ZooKeeper: the zookeeper.ssl.* settings
// (KIP-515) of the file of --zk-tls-config-file, "" for none, and who it is by section Client of
// the JAAS file in KAFKA_OPTS.
func ZooKeeperSecurity(c *core.Call, file string) (zkconfig.Security, error) {
	source := zkconfig.Source{Properties: jvm.Properties{}}
	if c.Getenv != nil {
		source.Properties = jvm.FromEnvironment(c.Getenv)
	}
	if file != "" {
		props, err := core.ReadProperties(file)
		if err != nil {
			return zkconfig.Security{}, err
		}
		settings := map[string]string{}
		for k, v := range props {
			// Settings of the authorizer have a prefix of their own in a broker's file, which may
			// be given here too.
			settings[strings.TrimPrefix(k, "authorizer.")] = v
		}
		source.Setting = func(key string) (string, bool) {
			if v, ok := settings[key]; ok {
				return v, true
			}
			v, ok := settings[strings.TrimPrefix(key, "zookeeper.")]
			return v, ok
		}
	}
	s, err := zkconfig.Read(source)
	if err == nil && s.Warning != "" {
		c.HintPerson("%s", s.Warning)
	}
	return s, err
}

// DialZooKeeperTLS is DialZooKeeper with the settings of --zk-tls-config-file, "" for none. Nodes
// that the tool makes are protected if it has an identity there, as Kafka's tools have it.
func DialZooKeeperTLS(c *core.Call, ctx context.Context, connect, file string) (*zk.Client, error) {
	opts := toolSession(connect)
	security, err := ZooKeeperSecurity(c, file)
	if err != nil {
		return nil, err
	}
	security.Apply(&opts)
	// zookeeper.set.acl's counterpart: JaasUtils.isZkSaslEnabled and the TLS client decide.
	opts.SecureACLs = security.Authenticated()
	return DialZooKeeperWith(c, ctx, opts)
}
