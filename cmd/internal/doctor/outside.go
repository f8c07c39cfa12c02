package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	prometheus "github.com/prometheus/common/model"
	wire "github.com/twmb/franz-go/pkg/kerr"

	"momus/cmd/internal/tool/clients"
	"momus/configs"
	"momus/internal/doctor"
	"momus/internal/model"
)

func keysOf[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// codeError is the error of a code in an answer; nil for 0.
func codeError(code int16) error { return wire.ErrorForCode(code) }

// certificates looks at those of a broker's listeners.
func (g *gatherer) certificates(ctx context.Context, b *doctor.Broker) {
	for _, e := range g.endpoints(b) {
		if c, ok := g.certificate(ctx, e); ok {
			g.mu.Lock()
			b.Certificates = append(b.Certificates, c)
			g.mu.Unlock()
		}
	}
}

// endpoints are the listeners of a broker that speak TLS, as far as they are known. Those of the
// znode are best: they are what brokers and clients are told. The one that was just asked is added
// if it is missing there, since it is known to work.
func (g *gatherer) endpoints(b *doctor.Broker) (list []model.Endpoint) {
	switch v, ok := b.Config.Get("advertised.listeners"); {
	case b.Registered != nil:
		list = b.Registered.Endpoints
	case ok && v != "":
		protocols := protocolMap(b.Config)
		for _, s := range strings.Split(v, ",") {
			if e, err := parseEndpoint(strings.TrimSpace(s), protocols); err == nil {
				list = append(list, e)
			}
		}
	}
	// secure tells TLS; the others show no certificate.
	secure := func(p model.SecurityProtocol) bool { return p == model.SSL || p == model.SASLSSL }
	list = slices.DeleteFunc(slices.Clone(list), func(e model.Endpoint) bool { return !secure(e.Protocol) || e.Host == "" })
	if p, err := model.ParseSecurityProtocol(g.cc.Props["security.protocol"]); err == nil && secure(p) &&
		!slices.ContainsFunc(list, func(e model.Endpoint) bool { return e.Host == b.Host && e.Port == b.Port }) {
		list = append(list, model.Endpoint{Listener: p.String(), Protocol: p, Host: b.Host, Port: b.Port})
	}
	return list
}

// protocolMap reads listener.security.protocol.map. A listener that is not in it is passed over:
// whether it speaks TLS is not known.
func protocolMap(c doctor.Config) map[string]string {
	out := map[string]string{}
	for _, pair := range strings.Split(c["listener.security.protocol.map"].Value, ",") {
		if name, protocol, ok := strings.Cut(pair, ":"); ok {
			out[strings.TrimSpace(name)] = strings.TrimSpace(protocol)
		}
	}
	return out
}

// certificate looks at the certificate of a listener. It is not trusted here, only read. Nothing is
// sent, and no password or key of ours is shown: a handshake is enough, also one that the broker
// ends since it wants a certificate of the client's. A name that does not match is worth a word
// only if the client's configuration asks for that check (KIP-294 made it the default).
func (g *gatherer) certificate(ctx context.Context, e model.Endpoint) (c doctor.Certificate, ok bool) {
	limit, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	address := net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
	var leaf *x509.Certificate
	dialer := tls.Dialer{Config: &tls.Config{ServerName: e.Host, InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error { leaf = s.PeerCertificates[0]; return nil }}}
	if conn, err := dialer.DialContext(limit, "tcp", address); err == nil {
		conn.Close() // it was only to be seen
	}
	if leaf == nil {
		return doctor.Certificate{}, false
	}
	c = doctor.Certificate{Address: address, Listener: e.Listener, Subject: leaf.Subject.String(), NotAfter: leaf.NotAfter}
	if algorithm, set := g.cc.Props["ssl.endpoint.identification.algorithm"]; !set || algorithm != "" {
		var name x509.HostnameError
		if err := leaf.VerifyHostname(e.Host); errors.As(err, &name) {
			c.Names = err.Error()
		}
	}
	return c, true
}

// watched are the metrics that rules look at, under the names of the JMX exporter's usual rules.
var watched = []string{"kafka_log_logcleanermanager_uncleanable_partitions_count", "kafka_server_quota_throttle_time"}

// pages reads the metrics of brokers of momus, which tell where they are, and those that somebody
// named. momus's own page needs no exporter, and its port is a key of its configuration.
func (g *gatherer) pages(ctx context.Context) {
	at := map[string]string{}
	for _, address := range g.o.Metrics {
		at[address] = address
	}
	for _, b := range g.answering() {
		if port, ok := b.Config.Get(configs.HTTPPortKey); ok && port != "" && port != "-1" {
			at["broker "+strconv.Itoa(int(b.ID))] = net.JoinHostPort(b.Host, port)
		}
	}
	failed := g.o.Lang.Say("the brokers show none over HTTP, as far as is known; --metrics names the ports of JMX exporters",
		"HTTP로 지표를 보여 주는 브로커를 알 수 없음; --metrics로 JMX exporter의 포트를 알려 줄 수 있음")
	ports, err := clients.HTTPPortsFor(g.o.ConfigFile)
	if err != nil {
		g.miss(doctor.Metrics, reason(g.o.Lang, err))
		return
	}
	for _, from := range slices.Sorted(keysOf(at)) {
		samples, err := g.metrics(ctx, ports, at[from])
		if err != nil {
			failed = at[from] + ": " + reason(g.o.Lang, err)
			continue
		}
		g.s.Pages = append(g.s.Pages, doctor.Page{From: from, Metrics: samples})
	}
	if len(g.s.Pages) == 0 {
		g.miss(doctor.Metrics, failed)
	}
}

// metrics reads one page in Prometheus's text format, and keeps of it what rules look at.
func (g *gatherer) metrics(ctx context.Context, ports *clients.HTTPPorts, address string) ([]doctor.Metric, error) {
	limit, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	resp, err := ports.Get(limit, "http://"+address+"/metrics", "", "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	parser := expfmt.NewTextParser(prometheus.UTF8Validation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(resp.Body, maxMetrics))
	if err != nil {
		return nil, err
	}
	var samples []doctor.Metric
	for _, name := range watched {
		for _, m := range families[name].GetMetric() {
			// Some exporters declare no type: the sample is untyped then.
			x := doctor.Metric{Name: name, Labels: map[string]string{}, Value: m.GetGauge().GetValue() + m.GetUntyped().GetValue()}
			for _, l := range m.GetLabel() {
				x.Labels[l.GetName()] = l.GetValue()
			}
			samples = append(samples, x)
		}
	}
	return samples, nil
}

// maxMetrics bounds the page of metrics.
const maxMetrics = 64 << 20

// isHere tells whether a host is this machine. An address that is not to be resolved is not here.
func isHere(host string) bool {
	ips, err := net.LookupIP(host)
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(ips, func(ip net.IP) bool {
		return slices.ContainsFunc(own, func(a net.Addr) bool { n, ok := a.(*net.IPNet); return ok && n.IP.Equal(ip) })
	})
}

// measure looks at the file system of a log directory of a broker on this machine, if the directory
// is there and that broker's. The same path on this machine may be that of another broker, or of
// another cluster in a container: meta.properties says whose it is.
func measure(b *doctor.Broker, d *doctor.Dir) {
	if d.Total >= 0 {
		return
	}
	meta, err := os.ReadFile(filepath.Join(d.Path, "meta.properties"))
	if err != nil || !slices.Contains(strings.Fields(string(meta)), "broker.id="+strconv.Itoa(int(b.ID))) {
		return
	}
	if total, usable, ok := fileSystem(d.Path); ok {
		d.Total, d.Usable = total, usable
	}
}

// since is a time in the JSON of a znode, ms.
func since(ms int64) time.Time {
	if ms <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
