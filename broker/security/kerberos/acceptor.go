// Package kerberos is the accepting side of GSSAPI over SASL (RFC 4752) as Java's brokers speak it:
// authentication alone, no security layer. It is a mechanism of package sasl on top of gokrb5. An
// Acceptor belongs to a listener; it starts nothing, and reads its key table again when that has
// changed.
package kerberos

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"momus/broker/security/principal"
	"momus/broker/security/sasl"
	"momus/internal/model"
)

// Acceptor accepts the tickets of one service.
type Acceptor struct {
	keys    *keyTable
	rules   *principal.KerberosRules
	skew    time.Duration
	replays *replays
	// sequence makes the number that AP-REP announces.
	sequence func() int64
}

// Settings make an Acceptor.
type Settings struct {
	Principal string // service/host@REALM
	KeyTab    string // a file
	Rules     *principal.KerberosRules
	Skew      time.Duration // clockskew of krb5.conf
	// Sequence makes the number that the answer of mutual authentication announces; nil for a
	// random one.
	Sequence func() int64
}

// NewAcceptor reads the key table.
func NewAcceptor(s Settings) (*Acceptor, error) {
	keys, err := openKeyTable(s.KeyTab, s.Principal)
	if err != nil {
		return nil, err
	}
	a := &Acceptor{keys: keys, rules: s.Rules, skew: s.Skew, replays: newReplays(), sequence: s.Sequence}
	if a.sequence == nil {
		a.sequence = randomSequence
	}
	return a, nil
}

// randomSequence is a number of 30 bits, as Java's are.
func randomSequence() int64 {
	var b [4]byte
	rand.Read(b[:])
	return int64(binary.BigEndian.Uint32(b[:]) >> 2)
}

// New begins an exchange.
func (a *Acceptor) New() sasl.Mechanism { return &exchange{a: a} }

// exchange is one client's. Its tokens: the AP-REQ; with mutual authentication an empty one; the
// choice of a security layer.
type exchange struct {
	a      *Acceptor
	state  int8
	key    types.EncryptionKey // of the wrapped tokens
	number uint64              // of ours
	name   string              // of the client
}

const (
	awaitsTicket int8 = iota
	awaitsNothing
	awaitsChoice
	over
)

// Step implements sasl.Mechanism. The decoders of the library are not ours to vouch for: if one
// panics the exchange has failed.
func (x *exchange) Step(now time.Time, token []byte) (reply []byte, done bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			x.state, reply, done, err = over, nil, false, fmt.Errorf("a GSSAPI token that cannot be decoded: %v", r)
		}
	}()
	switch x.state {
	case awaitsTicket:
		reply, err = x.ticket(now, token)
	case awaitsNothing:
		if len(token) > 0 {
			return nil, false, errors.New("a token where an empty one was expected")
		}
		reply, err = x.offer()
	case awaitsChoice:
		err = x.choice(token)
		done, x.state = err == nil, over
	default:
		err = errors.New("a token after the end of the exchange")
	}
	return reply, done, err
}

// Result implements sasl.Mechanism.
func (x *exchange) Result() sasl.Result {
	r := sasl.Result{Note: "Successfully authenticated client: authenticationID=" + x.name + "; authorizationID=" + x.name + "."}
	name, err := x.a.rules.Name(x.name)
	if err != nil {
		r.PrincipalErr = err
		return r
	}
	r.Principal = model.User(name)
	return r
}

// Flags of the checksum of an authenticator (RFC 4121 4.1.1), and its type and least length.
const (
	flagMutual     = 2
	checksumType   = 0x8003
	checksumLength = 24
)

// ticket takes the client's AP-REQ.
func (x *exchange) ticket(now time.Time, token []byte) ([]byte, error) {
	req, err := unframe(token)
	if err != nil {
		return nil, err
	}
	if err := x.a.verify(now, req); err != nil {
		return nil, err
	}
	auth, part := &req.Authenticator, &req.Ticket.DecryptedEncPart
	x.name = part.CName.PrincipalNameString() + "@" + part.CRealm
	if x.key = part.Key; len(auth.SubKey.KeyValue) > 0 {
		x.key = auth.SubKey
	}
	x.number = uint64(uint32(auth.SeqNumber))
	gssFlags := binary.LittleEndian.Uint32(auth.Cksum.Checksum[20:])
	if gssFlags&flagMutual == 0 && !types.IsFlagSet(&req.APOptions, flags.APOptionMutualRequired) {
		return x.offer()
	}
	sequence := x.a.sequence()
	x.number, x.state = uint64(sequence), awaitsNothing
	return reply(auth, part.Key, sequence)
}

// verify checks an AP-REQ as Java does: the key of the login's principal counts, whatever service
// the ticket names.
func (a *Acceptor) verify(now time.Time, req *messages.APReq) error {
	key, err := a.keys.key(req.Ticket.EncPart.KVNO, req.Ticket.EncPart.EType)
	if err != nil {
		return err
	}
	if err := req.Ticket.Decrypt(key); err != nil {
		return err
	}
	part := &req.Ticket.DecryptedEncPart
	if err := req.DecryptAuthenticator(part.Key); err != nil {
		return err
	}
	auth := &req.Authenticator
	at := auth.CTime.Add(time.Duration(auth.Cusec) * time.Microsecond)
	start := part.StartTime
	if start.IsZero() {
		start = part.AuthTime
	}
	switch {
	case !auth.CName.Equal(part.CName) || auth.CRealm != part.CRealm:
		return errors.New("the authenticator names another client than the ticket")
	case now.Sub(at) > a.skew || at.Sub(now) > a.skew:
		return fmt.Errorf("clock skew: the client's clock says %s", at.UTC().Format(time.RFC3339))
	case start.Sub(now) > a.skew:
		return errors.New("the ticket is not yet valid")
	case now.Sub(part.EndTime) > a.skew:
		return errors.New("the ticket has expired")
	case auth.Cksum.CksumType != checksumType || len(auth.Cksum.Checksum) < checksumLength:
		return errors.New("the authenticator has no GSSAPI checksum")
	case !a.replays.add(now, a.skew, req.EncryptedAuthenticator.Cipher):
		return errors.New("request is a replay")
	}
	return nil
}

// krb5OID is 1.2.840.113554.1.2.2.
var krb5OID = []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2}

// The ids of tokens within the GSSAPI frame.
var (
	idRequest = []byte{1, 0}
	idReply   = []byte{2, 0}
)

// unframe takes an AP-REQ out of the frame of RFC 2743 3.1.
func unframe(token []byte) (*messages.APReq, error) {
	var frame asn1.RawValue
	rest, err := asn1.Unmarshal(token, &frame)
	if err != nil || len(rest) > 0 || frame.Class != asn1.ClassApplication || frame.Tag != 0 || !frame.IsCompound {
		return nil, errors.New("it is no GSSAPI token")
	}
	head := append(append([]byte{}, krb5OID...), idRequest...)
	if len(frame.Bytes) < len(head) || string(frame.Bytes[:len(head)]) != string(head) {
		return nil, errors.New("it is no initial token of Kerberos 5")
	}
	req := &messages.APReq{}
	if err := req.Unmarshal(frame.Bytes[len(head):]); err != nil {
		return nil, err
	}
	return req, nil
}

// reply makes the AP-REP of mutual authentication, without a key of our own.
func reply(auth *types.Authenticator, key types.EncryptionKey, sequence int64) ([]byte, error) {
	part, err := asn1.Marshal(messages.EncAPRepPart{CTime: auth.CTime, Cusec: auth.Cusec, SequenceNumber: sequence})
	if err != nil {
		return nil, err
	}
	const encAPRepPart, apRep = 27, 15
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(part, encAPRepPart), key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	rep, err := asn1.Marshal(messages.APRep{PVNO: 5, MsgType: 15, EncPart: sealed})
	if err != nil {
		return nil, err
	}
	out := append(append(append([]byte{}, krb5OID...), idReply...), asn1tools.AddASNAppTag(rep, apRep)...)
	return asn1tools.AddASNAppTag(out, 0), nil
}

// noLayer is the security layer "none".
const noLayer = 1

// offer says which security layers there are: none, and the largest message that Java announces all
// the same.
func (x *exchange) offer() ([]byte, error) {
	x.state = awaitsChoice
	e, err := crypto.GetEtype(x.key.KeyType)
	if err != nil {
		return nil, err
	}
	const fromAcceptor = 1
	w := gssapi.WrapToken{Flags: fromAcceptor, EC: uint16(e.GetHMACBitLength() / 8), SndSeqNum: x.number, Payload: []byte{noLayer, 1, 0, 0}}
	if err := w.SetCheckSum(x.key, keyusage.GSSAPI_ACCEPTOR_SEAL); err != nil {
		return nil, err
	}
	return w.Marshal()
}

// choice takes the client's: a layer, a size, and an identity that is ignored, as in Java.
func (x *exchange) choice(token []byte) error {
	if len(token) < gssapi.HdrLen {
		return errors.New("the token is too short")
	}
	var w gssapi.WrapToken
	if err := w.Unmarshal(rotated(token), false); err != nil {
		return err
	}
	const sealed = 2
	if w.Flags&sealed != 0 {
		return errors.New("the token is encrypted")
	}
	if ok, _ := w.Verify(x.key, keyusage.GSSAPI_INITIATOR_SEAL); !ok {
		return errors.New("the token's checksum is wrong") // the library's error shows the right one
	}
	if len(w.Payload) < 4 || w.Payload[0] != noLayer {
		return errors.New("the client wants a security layer that was not offered")
	}
	return nil
}

// rotated undoes the rotation that a token's header tells of (RFC 4121 4.2.5), which the library
// passes over.
func rotated(token []byte) []byte {
	body := token[gssapi.HdrLen:]
	if len(body) == 0 {
		return token
	}
	n := (int(token[6])<<8 | int(token[7])) % len(body)
	out := append([]byte(nil), token[:gssapi.HdrLen]...)
	return append(append(out, body[n:]...), body[:n]...)
}
