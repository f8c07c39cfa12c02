package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Authentication are the socket-server-metrics of a listener that tell of logins (KIP-188,
// KIP-368).
type Authentication struct {
	Successful, Failed Counter
	// Clients of versions that know no re-authentication (KIP-368) and whose session would end
	// anyway show up here: they will be closed in the middle of their work.
	SuccessfulNoReauth                 Counter // of clients that cannot authenticate again
	SuccessfulReauth, FailedReauth     Counter
	ExpiredKilled                      Counter // closed because the session had ended
	ReauthLatencyMsSum, ReauthLatencyN Counter
}

// authentications are by listener.
// The map only grows: a listener that was removed keeps its figures, as counters must not go back.
type authentications struct{ byListener sync.Map }

// Authentication are the figures of a listener, made on first use.
func (m *Metrics) Authentication(listener string) *Authentication {
	if a, ok := m.auth.byListener.Load(listener); ok {
		return a.(*Authentication)
	}
	a, _ := m.auth.byListener.LoadOrStore(listener, &Authentication{})
	return a.(*Authentication)
}

// expired is the number of connections of all listeners that were closed because their session had
// ended.
func (a *authentications) expired() (n int64) {
	a.byListener.Range(func(_, value any) bool {
		n += value.(*Authentication).ExpiredKilled.Value()
		return true
	})
	return n
}

// collect gives the counters of each listener; names are those of Kafka's beans.
func (a *authentications) collect(counter func(name, help string, v int64, labels prometheus.Labels)) {
	const server = "kafka_server_socketservermetrics_"
	a.byListener.Range(func(name, value any) bool {
		l, v := prometheus.Labels{"listener": name.(string)}, value.(*Authentication)
		counter(server+"successful_authentication_total", "logins: TLS handshakes on SSL listeners, SASL exchanges on others", v.Successful.Value(), l)
		counter(server+"successful_authentication_no_reauth_total", "logins of clients that cannot authenticate again", v.SuccessfulNoReauth.Value(), l)
		counter(server+"failed_authentication_total", "logins that failed", v.Failed.Value(), l)
		counter(server+"successful_reauthentication_total", "logins again on an open connection", v.SuccessfulReauth.Value(), l)
		counter(server+"failed_reauthentication_total", "logins again that failed", v.FailedReauth.Value(), l)
		counter(server+"expired_connections_killed_total", "connections closed because their session had ended", v.ExpiredKilled.Value(), l)
		counter(server+"reauthentication_latency_ms_sum", "milliseconds spent on logins again", v.ReauthLatencyMsSum.Value(), l)
		counter(server+"reauthentication_latency_ms_count", "logins again that were timed", v.ReauthLatencyN.Value(), l)
		return true
	})
}
