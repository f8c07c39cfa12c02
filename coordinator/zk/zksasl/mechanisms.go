package zksasl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"momus/internal/digestmd5"
	"momus/internal/krb5"
)

// digestURI is what ZooKeeper's servers expect whatever their names are.
const digestURI = "zookeeper/zk-sasl-md5"

// Digest is DIGEST-MD5 with a user and a password.
func Digest(user, password string) Mechanism {
	return func(string) (Exchange, error) {
		return &digest{client: digestmd5.Client{User: user, Password: password, URI: digestURI}}, nil
	}
}

type digest struct {
	client   digestmd5.Client
	answered bool
}

func (d *digest) First() ([]byte, error) { return []byte{}, nil }

// Next answers the challenge, and then checks that the server has the password, too.
func (d *digest) Next(token []byte) ([]byte, bool, error) {
	if d.answered {
		if token == nil {
			return nil, false, errors.New("the server refused the user or the password, but lets the connection go on (zookeeper.allowSaslFailedClients)")
		}
		return nil, true, d.client.Verify(token)
	}
	d.answered = true
	answer, err := d.client.Respond(token)
	return answer, false, err
}

// Service says which principal the servers have.
type Service struct {
	// Name is zookeeper.sasl.client.username; the principal is Name/host.
	Name string
	// Principal is zookeeper.server.principal: the whole principal, instead of Name and host.
	Principal string
	// Canonical is zookeeper.sasl.client.canonicalize.hostname: the host is what the address'
	// reverse look-up says.
	Canonical bool
}

// Kerberos is GSSAPI.
func Kerberos(login krb5.Login, service Service) Mechanism {
	return func(address string) (Exchange, error) {
		i, err := login.Initiate(service.of(address))
		if err != nil {
			return nil, err
		}
		return &kerberos{initiator: i}, nil
	}
}

// of is the principal of the server at an address, without realm.
func (s Service) of(address string) string {
	if s.Principal != "" {
		name, _, _ := strings.Cut(s.Principal, "@")
		return name
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if s.Canonical {
		host = canonical(host)
	}
	return s.Name + "/" + host
}

// canonical is the name that the reverse look-up of a host gives, or host when there is none.
func canonical(host string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil || len(addresses) == 0 {
		return host
	}
	names, err := net.DefaultResolver.LookupAddr(ctx, addresses[0])
	if err != nil || len(names) == 0 {
		return host
	}
	return strings.ToLower(strings.TrimSuffix(names[0], "."))
}

type kerberos struct {
	initiator *krb5.Initiator
	answered  bool
}

func (k *kerberos) First() ([]byte, error) { return k.initiator.First(), nil }

// Next answers the server once; its last token says that it is content.
func (k *kerberos) Next(token []byte) ([]byte, bool, error) {
	if k.answered {
		return nil, true, nil // the server is content
	}
	if token == nil {
		return nil, false, fmt.Errorf("the server refused the ticket of %s, but lets the connection go on (zookeeper.allowSaslFailedClients)", k.initiator.Principal())
	}
	k.answered = true
	answer, err := k.initiator.Next(token)
	return answer, false, err
}
