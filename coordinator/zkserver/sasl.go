package zkserver

import (
	"momus/internal/digestmd5"
)

// saslRealm is the realm of ZooKeeper's servers, which is their host name for clients too.
const saslRealm = "zk-sasl-md5"

// logins are what the server knows of its users.
type logins struct {
	users map[string]string // nil without SASL
	super string
	nonce func() string
}

// login is a client's SASL exchange.
type login struct {
	exchange *digestmd5.Server // nil before the first token
	over     bool              // done or failed: another token closes the connection
}

// sasl takes a token of a client. It is answered at once and outside of the order of requests, as
// in ZooKeeper. Without users it answers like a server without a SASL configuration: with a null
// token. A false result means that the connection has to be closed, which is all that a client is
// told of a refusal.
func (c *core) sasl(cl *client, xid int32, d *decoder) bool {
	token := d.bytes()
	if token == nil {
		return false
	}
	if c.logins.users == nil {
		c.answerSASL(cl, xid, nil)
		return true
	}
	switch {
	// The first token has to be empty: it only asks for the challenge.
	case cl.login.over, cl.login.exchange == nil && len(token) > 0:
		return false
	case cl.login.exchange == nil:
		cl.login.exchange = &digestmd5.Server{Realm: saslRealm, URI: "zookeeper/" + saslRealm, Password: c.logins.password}
		if c.logins.nonce != nil {
			cl.login.exchange.Nonce = c.logins.nonce()
		}
		c.answerSASL(cl, xid, cl.login.exchange.Challenge())
		return true
	}
	// Right or wrong, there is one attempt on a connection.
	cl.login.over = true
	user, last, err := cl.login.exchange.Verify(token)
	if err != nil {
		return false
	}
	cl.addAuth(ID{"sasl", user})
	if user == c.logins.super {
		cl.addAuth(superUser)
	}
	c.answerSASL(cl, xid, last)
	return true
}

func (l *logins) password(user string) (string, bool) {
	p, ok := l.users[user]
	return p, ok
}

func (c *core) answerSASL(cl *client, xid int32, token []byte) {
	e := newFrame(20 + len(token))
	e.replyHeader(xid, 0, codeOK)
	e.bytes(token)
	c.send(cl, e.endFrame())
}
