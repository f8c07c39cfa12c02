// Package jwks validates signed bearer tokens (RFC 7519) with the public keys of their issuer,
// which come as a JSON Web Key Set (RFC 7517) from a file or a URL. Later versions of Kafka have
// the same as OAuthBearerValidatorCallbackHandler (KIP-768), whose settings it takes. Keys are read
// when a login needs them; nothing runs in between.
package jwks

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"
)

// maxSet bounds the size of a key set.
const maxSet = 1 << 20

// retryGap is how far apart readings of the set are that were not due: a stranger's token can name
// any key.
const retryGap = 10 * time.Second

// fetchTimeout bounds one reading of a URL.
const fetchTimeout = 10 * time.Second

// keySet are the keys of an issuer. It is safe for concurrent use. While the set is read, logins
// with a key that is known go on, or an issuer that is slow, asked because of a stranger's token,
// would hold up everybody.
type keySet struct {
	at      *url.URL
	refresh time.Duration
	client  *http.Client

	mu      sync.Mutex
	keys    map[string]crypto.PublicKey // by id
	read    time.Time
	err     error         // of the last reading
	reading chan struct{} // closed when the one that goes on is over; nil when there is none
}

// find is the key with an id. With an empty id it is the only key of the set.
func (s *keySet) find(now time.Time, id string) (crypto.PublicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.lookupLocked(id)
	old := now.Sub(s.read)
	// Known and fresh; or unknown, or unreadable, and asked for a moment ago. In these cases no
	// reading is due.
	if key != nil && old < s.refresh || s.keys != nil && key == nil && old < retryGap || s.err != nil && old < retryGap {
		return s.foundLocked(key)
	}
	switch {
	case s.reading == nil:
		s.readLocked(now)
	// The reading that goes on may bring the key; who has one does not wait.
	case key == nil:
		reading := s.reading
		s.mu.Unlock()
		<-reading
		s.mu.Lock()
	}
	return s.foundLocked(s.lookupLocked(id)) // the old keys count while new ones cannot be had
}

// readLocked reads the set, without the lock meanwhile.
func (s *keySet) readLocked(now time.Time) {
	reading := make(chan struct{})
	s.reading = reading
	s.mu.Unlock()
	began := time.Now()
	var keys map[string]crypto.PublicKey
	err := errors.New("reading it was broken off")
	// Deferred: if the issuer's bytes made load panic, the caller would unlock what is not locked,
	// which ends the process, and those who wait for the reading would wait for ever.
	defer func() {
		s.mu.Lock()
		s.read, s.err = now.Add(time.Since(began)), err
		if err == nil {
			s.keys = keys
		}
		s.reading = nil
		close(reading)
	}()
	keys, err = s.load()
}

func (s *keySet) lookupLocked(id string) crypto.PublicKey {
	if id == "" && len(s.keys) == 1 {
		for _, k := range s.keys {
			return k
		}
	}
	return s.keys[id]
}

// foundLocked is the key, or why there is none: a set that could not be read is another reason than
// a key that is not in it.
func (s *keySet) foundLocked(key crypto.PublicKey) (crypto.PublicKey, error) {
	switch {
	case key != nil:
		return key, nil
	case s.err != nil:
		return nil, fmt.Errorf("key set %s: %w", s.at.Redacted(), s.err)
	}
	return nil, errors.New("the token's key is not in the key set")
}

func (s *keySet) load() (map[string]crypto.PublicKey, error) {
	data, err := s.fetch()
	if err != nil {
		return nil, err
	}
	return parseSet(data)
}

// fetch reads the key set, from a file or over HTTP; what is read is bounded in bytes and time.
func (s *keySet) fetch() ([]byte, error) {
	if s.at.Scheme == "file" {
		f, err := os.Open(s.at.Path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return limited(f)
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.at.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	return limited(resp.Body)
}

func limited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err == nil && len(data) > maxSet {
		err = fmt.Errorf("it is larger than %d bytes", maxSet)
	}
	return data, err
}

// parseSet reads a key set. Keys of kinds that are not used here are passed over, and those that
// cannot be read, too (RFC 7517, 5): one old, short key must not shut out who holds a token of
// another.
func parseSet(data []byte) (map[string]crypto.PublicKey, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("it is no JSON Web Key Set: %w", err)
	}
	out := map[string]crypto.PublicKey{}
	reason := errors.New("it holds no RSA key and no EC key of curve P-256 for signatures")
	for _, data := range set.Keys {
		var k webKey
		err := json.Unmarshal(data, &k)
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		var key crypto.PublicKey
		switch {
		case err != nil:
		case k.Kty == "RSA":
			key, err = rsaKey(k.N, k.E)
		case k.Kty == "EC" && k.Crv == "P-256":
			// Other curves and kinds may be there for others.
			key, err = ecKey(k.X, k.Y)
		default:
			continue
		}
		if err != nil {
			reason = fmt.Errorf("key %q: %w", k.Kid, err)
			continue
		}
		out[k.Kid] = key
	}
	if len(out) == 0 {
		return nil, reason
	}
	return out, nil
}

// webKey is a key of the set. Numbers are big-endian bytes in the Base64 of URLs: N and E are
// modulus and exponent of RSA, X and Y a point of the curve Crv.
type webKey struct {
	Kty, Kid, Use, Crv, N, E, X, Y string
}

// minRSABits is the least that is trusted.
const minRSABits = 2048

// rsaKey reads modulus and exponent; keys that are too short to be safe, or so long that checking
// them would be an attack, are refused.
func rsaKey(n, e string) (crypto.PublicKey, error) {
	modulus, err1 := number(n)
	exponent, err2 := number(e)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if modulus.BitLen() < minRSABits || modulus.BitLen() > 16384 || !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > 1<<31-1 {
		return nil, fmt.Errorf("an RSA key has at least %d bits", minRSABits)
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// ecKey reads a point of P-256, the only curve of ES256; a point that is not on it is refused.
func ecKey(x, y string) (crypto.PublicKey, error) {
	const size = 32
	point := append(make([]byte, 0, 1+2*size), 4)
	for _, part := range []string{x, y} {
		n, err := number(part)
		if err != nil {
			return nil, err
		}
		if n.BitLen() > 8*size {
			return nil, errors.New("a coordinate is too large")
		}
		point = append(point, n.FillBytes(make([]byte, size))...)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func number(s string) (*big.Int, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, errors.New("a number is not Base64")
	}
	return new(big.Int).SetBytes(b), nil
}
