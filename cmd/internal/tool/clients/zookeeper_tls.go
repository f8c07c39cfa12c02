package clients

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"momus/cmd/internal/tool/core"
	"momus/coordinator/zk"
)

// ZooKeeperTLS reads the file of -zk-tls-config-file: the zookeeper.ssl.* settings of Kafka's configuration (KIP-515). It gives nil when
// they do not ask for TLS.
func ZooKeeperTLS(path string) (zk.Dialer, error) {
	props, err := core.ReadProperties(path)
	if err != nil {
		return nil, err
	}
	ssl := map[string]string{}
	for k, v := range props {
		k = strings.TrimPrefix(strings.TrimPrefix(k, "authorizer."), "zookeeper.")
		if strings.HasPrefix(k, "ssl.") {
			ssl[k] = v
		}
	}
	if ssl["ssl.client.enable"] != "true" {
		return nil, nil
	}
	for _, store := range []string{"ssl.keystore", "ssl.truststore"} { // as ZooKeeper does, the name of the file says what it is
		if ssl[store+".type"] != "" {
			continue
		}
		switch name := strings.ToLower(ssl[store+".location"]); {
		case strings.HasSuffix(name, ".pem"):
			ssl[store+".type"] = "PEM"
		case strings.HasSuffix(name, ".p12"):
			ssl[store+".type"] = "PKCS12"
		default:
			ssl[store+".type"] = "JKS"
		}
	}
	config, err := (&Config{Props: ssl}).tls()
	if err != nil {
		return nil, err
	}
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, config)
	}, nil
}

// DialZooKeeperTLS is dialZooKeeper with the settings of --zk-tls-config-file, "" for none.
func DialZooKeeperTLS(c *core.Call, ctx context.Context, connect, file string) (*zk.Client, error) {
	opts := toolSession(connect)
	if file != "" {
		var err error
		if opts.Dial, err = ZooKeeperTLS(file); err != nil {
			return nil, err
		}
	}
	return DialZooKeeperWith(c, ctx, opts)
}
