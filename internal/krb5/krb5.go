// Package krb5 is the initiating side of Kerberos over SASL (GSSAPI, RFC 4752): a login from a key
// table or a ticket cache, and the exchange of tokens with a service, authentication alone. It
// serves connections to ZooKeeper, to brokers, and the tools; who accepts is not in it. A login
// lasts for one exchange, so nothing has to be renewed and no goroutine remains; each costs two
// requests to the key distribution center.
package krb5

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"

	"momus/internal/jaas"
	"momus/internal/jvm"
)

// Login says who logs in, and with what.
type Login struct {
	Principal  string // name@REALM; with a ticket cache "" for the cache's
	KeyTab     string // a file, or "" for the ticket cache
	Cache      string // a file, used when KeyTab is ""
	ConfigFile string // krb5.conf
}

// IsModule reports whether a login module is one of Kerberos.
func IsModule(class string) bool { return class == jaas.Krb5Module || class == jaas.IBMKrb5Module }

// LoginOf reads the options of a Krb5LoginModule as Java does. Where they name no key table or
// ticket cache, MIT's environment variables count.
func LoginOf(e jaas.Entry, props jvm.Properties) (Login, error) {
	l := Login{Principal: e.Options["principal"], ConfigFile: ConfigFile(props)}
	switch {
	case strings.EqualFold(e.Options["useKeyTab"], "true"):
		l.KeyTab = strings.TrimPrefix(e.Options["keyTab"], "file:")
		if l.KeyTab == "" {
			l.KeyTab = strings.TrimPrefix(os.Getenv("KRB5_KTNAME"), "FILE:")
		}
		if l.KeyTab == "" || l.Principal == "" {
			return l, errors.New("Krb5LoginModule with useKeyTab=true needs keyTab=\"FILE\" and principal=\"NAME@REALM\"")
		}
	case strings.EqualFold(e.Options["useTicketCache"], "true"):
		l.Cache = e.Options["ticketCache"]
		if l.Cache == "" {
			l.Cache = strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:")
		}
		if l.Cache == "" {
			l.Cache = "/tmp/krb5cc_" + strconv.Itoa(os.Getuid())
		}
	default:
		return l, errors.New("Krb5LoginModule needs useKeyTab=true with keyTab and principal, or useTicketCache=true; a password cannot be asked for here")
	}
	return l, nil
}

// ConfigFile is the krb5.conf that counts: that of the properties, else /etc/krb5.conf.
func ConfigFile(props jvm.Properties) string { return props.Or(jvm.Krb5Config, "/etc/krb5.conf") }

// client logs in.
func (l Login) client() (*client.Client, error) {
	conf, err := config.Load(l.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.ConfigFile, err)
	}
	if l.KeyTab == "" {
		cache, err := credentials.LoadCCache(l.Cache)
		if err != nil {
			return nil, fmt.Errorf("ticket cache %s (kinit makes it): %w", l.Cache, err)
		}
		return client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
	}
	kt, err := keytab.Load(l.KeyTab)
	if err != nil {
		return nil, fmt.Errorf("keyTab %s: %w", l.KeyTab, err)
	}
	name, realm, _ := strings.Cut(l.Principal, "@")
	if realm == "" {
		realm = conf.LibDefaults.DefaultRealm
	}
	c := client.NewWithKeytab(name, realm, kt, conf, client.DisablePAFXFAST(true))
	if err := c.Login(); err != nil {
		c.Destroy()
		return nil, fmt.Errorf("login as %s@%s with %s: %w", name, realm, l.KeyTab, err)
	}
	return c, nil
}

// Initiator is one exchange with a service, begun with a ticket for it.
type Initiator struct {
	first   []byte
	key     types.EncryptionKey
	authzid string
	step    int
}

// Initiate logs in and gets a ticket for service, such as zookeeper/host.example.com. It asks the
// key distribution center and may take as long as that takes. The principal is sent as the identity
// to act for, as Java's clients do.
func (l Login) Initiate(service string) (*Initiator, error) {
	c, err := l.client()
	if err != nil {
		return nil, err
	}
	defer c.Destroy()
	ticket, key, err := c.GetServiceTicket(service)
	if err != nil {
		return nil, fmt.Errorf("ticket for %s: %w", service, err)
	}
	apReq, err := spnego.NewKRB5TokenAPREQ(c, ticket, key, []int{gssapi.ContextFlagInteg, gssapi.ContextFlagConf}, nil)
	if err != nil {
		return nil, fmt.Errorf("ticket for %s: %w", service, err)
	}
	first, err := apReq.Marshal()
	if err != nil {
		return nil, fmt.Errorf("ticket for %s: %w", service, err)
	}
	return &Initiator{first: first, key: key, authzid: c.Credentials.CName().PrincipalNameString() + "@" + c.Credentials.Domain()}, nil
}

// Principal is who logged in.
func (i *Initiator) Principal() string { return i.authzid }

// First is the first token.
func (i *Initiator) First() []byte { return i.first }

// layers that a server may offer; the first is none.
const noLayer = 1

// Next answers a token of the service: its offer of security layers with the choice of none. After
// that the exchange is over as far as the initiator is concerned.
func (i *Initiator) Next(token []byte) ([]byte, error) {
	if i.step++; i.step > 1 {
		return nil, errors.New("another token after the offer of security layers")
	}
	offer, err := unwrap(token, i.key)
	if err != nil {
		return nil, fmt.Errorf("offer of security layers: %w", err)
	}
	if len(offer) != 4 || offer[0]&noLayer == 0 {
		return nil, errors.New("the service wants a security layer (qop other than auth), which is not supported")
	}
	answer, err := gssapi.NewInitiatorWrapToken(append([]byte{noLayer, 0, 0, 0}, i.authzid...), i.key)
	if err != nil {
		return nil, err
	}
	return answer.Marshal()
}

// sealed is the flag of a token whose payload is encrypted.
const sealed = 2

// unwrap checks a token of the acceptor and gives its payload.
func unwrap(token []byte, key types.EncryptionKey) ([]byte, error) {
	var w gssapi.WrapToken
	token = rotated(token)
	if err := w.Unmarshal(token, true); err != nil {
		return nil, err
	}
	if w.Flags&sealed != 0 {
		return nil, errors.New("it is encrypted")
	}
	if ok, err := w.Verify(key, keyusage.GSSAPI_ACCEPTOR_SEAL); !ok {
		return nil, fmt.Errorf("its checksum is wrong: %w", err)
	}
	return w.Payload, nil
}

// rotated undoes the rotation that a token's header tells of (RFC 4121 4.2.5), which the library
// passes over.
func rotated(token []byte) []byte {
	if len(token) <= gssapi.HdrLen {
		return token
	}
	n := (int(token[6])<<8 | int(token[7])) % (len(token) - gssapi.HdrLen)
	body := token[gssapi.HdrLen:]
	out := append([]byte(nil), token[:gssapi.HdrLen]...)
	return append(append(out, body[n:]...), body[:n]...)
}

// String says who logs in and with what, for messages.
func (l Login) String() string {
	if l.KeyTab != "" {
		return fmt.Sprintf("principal %s with key table %s", l.Principal, l.KeyTab)
	}
	return "ticket cache " + l.Cache
}
