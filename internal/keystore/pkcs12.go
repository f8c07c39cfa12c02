package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"
)

// A PKCS12 store (RFC 7292) as Java's keystore reads it: any number of keys with their chains, and
// of trusted certificates, under aliases. It is read here and not by the library that writes them
// (go-pkcs12), which knows stores of one key, or of trusted certificates alone; those that Kafka's
// documentation has people make with keytool hold both.

// The object identifiers of what a store consists of.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedKey   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
	oidJavaTrusted   = asn1.ObjectIdentifier{2, 16, 840, 1, 113894, 746875, 1, 1}
	oidPBES2         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidPBMAC1        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
)

// maxIterations is Java's limit.
const maxIterations = 5_000_000

// errPKCS12Password is a wrong password, or a store that was changed.
var errPKCS12Password = errors.New("its digest does not match the password")

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue  `asn1:"tag:0,explicit"`
	Attributes []bagAttribute `asn1:"set,optional"`
}

type bagAttribute struct {
	ID     asn1.ObjectIdentifier
	Values asn1.RawValue
}

// p12Key is a private key as the store has it.
type p12Key struct {
	alias string
	id    []byte // that its certificate has too; nil for none
	der   []byte // PKCS#8, or EncryptedPrivateKeyInfo
	plain bool
}

// p12Certificate is a certificate, of a chain or trusted for its own sake.
type p12Certificate struct {
	alias   string
	id      []byte
	cert    *x509.Certificate
	trusted bool
}

// p12Store is the content in the order of the file.
type p12Store struct {
	keys         []p12Key
	certificates []p12Certificate
}

// readPKCS12 checks the store with its password and reads all but the keys, which have their own.
func readPKCS12(data []byte, password string) (*p12Store, error) {
	var pfx struct {
		Version int
		Safe    contentInfo
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if err := unmarshal(data, &pfx); err != nil {
		return nil, fmt.Errorf("not a PKCS12 store: %w", err)
	}
	if pfx.Version != 3 || !pfx.Safe.Type.Equal(oidData) {
		return nil, fmt.Errorf("a PKCS12 store of version %d with content %v is not supported", pfx.Version, pfx.Safe.Type)
	}
	var safe []byte
	if err := unmarshal(pfx.Safe.Content.Bytes, &safe); err != nil {
		return nil, err
	}
	// Without a digest the store is read unchecked, as by Java with such stores.
	if len(pfx.MAC.FullBytes) > 0 {
		if err := checkMAC(pfx.MAC.FullBytes, safe, password); err != nil {
			return nil, err
		}
	}
	var contents []contentInfo
	if err := unmarshal(safe, &contents); err != nil {
		return nil, err
	}
	s := &p12Store{}
	for _, c := range contents {
		bags, err := c.bags(password)
		if err != nil {
			return nil, err
		}
		for _, b := range bags {
			if err := s.add(b); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// bags are what a part of the store holds, decrypted.
func (c contentInfo) bags(password string) ([]safeBag, error) {
	var plain []byte
	switch {
	case c.Type.Equal(oidData):
		if err := unmarshal(c.Content.Bytes, &plain); err != nil {
			return nil, err
		}
	case c.Type.Equal(oidEncryptedData):
		var e struct {
			Version int
			Content struct {
				Type      asn1.ObjectIdentifier
				Algorithm pkix.AlgorithmIdentifier
				Data      []byte `asn1:"tag:0,optional"`
			}
		}
		// The certificates are encrypted with the store's password, and the keys each by
		// themselves.
		err := unmarshal(c.Content.Bytes, &e)
		if err == nil {
			plain, err = decryptPBE(e.Content.Algorithm, e.Content.Data, password)
		}
		if err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("content of type %v in a PKCS12 store is not supported", c.Type)
	}
	var bags []safeBag
	err := unmarshal(plain, &bags)
	return bags, err
}

// add takes a bag; those of other kinds than keys and certificates are passed over, as by Java.
func (s *p12Store) add(b safeBag) error {
	alias, id, trusted, err := b.attributes()
	if err != nil {
		return err
	}
	switch {
	case b.ID.Equal(oidKeyBag), b.ID.Equal(oidShroudedKey):
		// Decrypted when it is asked for: a trust store needs no key.
		s.keys = append(s.keys, p12Key{alias, id, b.Value.Bytes, b.ID.Equal(oidKeyBag)})
	case b.ID.Equal(oidCertBag):
		var bag struct {
			ID   asn1.ObjectIdentifier
			Data []byte `asn1:"tag:0,explicit"`
		}
		if err := unmarshal(b.Value.Bytes, &bag); err != nil {
			return err
		}
		// SDSI certificates, the other kind, nobody has.
		if !bag.ID.Equal(oidX509) {
			return nil
		}
		c, err := x509.ParseCertificate(bag.Data)
		if err != nil {
			return fmt.Errorf("entry %q: %w", alias, err)
		}
		s.certificates = append(s.certificates, p12Certificate{alias, id, c, trusted})
	}
	return nil
}

func (b safeBag) attributes() (alias string, id []byte, trusted bool, err error) {
	for _, a := range b.Attributes {
		switch {
		case a.ID.Equal(oidFriendlyName):
			var v asn1.RawValue
			if err = unmarshal(a.Values.Bytes, &v); err == nil {
				// Java compares aliases without regard to case, and stores them in small letters.
				alias = strings.ToLower(bmpText(v.Bytes)) // as Java has it
			}
		case a.ID.Equal(oidLocalKeyID):
			err = unmarshal(a.Values.Bytes, &id)
		case a.ID.Equal(oidJavaTrusted):
			trusted = true
		}
		if err != nil {
			return "", nil, false, err
		}
	}
	return alias, id, trusted, nil
}

// bmpText is the text of a BMPString: UTF-16, big-endian.
func bmpText(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, uint16(b[0])<<8|uint16(b[1]))
	}
	return string(utf16.Decode(units))
}

// privateKey is the key, decrypted.
func (k p12Key) privateKey(password string) (any, error) {
	der := k.der
	if !k.plain {
		var e struct {
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte
		}
		err := unmarshal(der, &e)
		if err == nil {
			der, err = decryptPBE(e.Algorithm, e.Data, password)
		}
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", k.alias, err)
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", k.alias, err)
	}
	return key, nil
}

// chain is a key's certificate and, as far as they are in the store, those that issued it; nil
// without one. A certificate belongs to the key that has the same id; in a store of one key, the
// first one does if none has its id.
func (s *p12Store) chain(k p12Key) (chain []*x509.Certificate) {
	for _, c := range s.certificates {
		if !c.trusted && k.id != nil && bytes.Equal(c.id, k.id) {
			chain = []*x509.Certificate{c.cert}
			break
		}
		// OpenSSL leaves the ids out when it is told to.
		if !c.trusted && len(s.keys) == 1 && chain == nil {
			chain = []*x509.Certificate{c.cert}
		}
	}
	// Bounded by the number of certificates, since two can have issued each other.
	for len(chain) > 0 && len(chain) <= len(s.certificates) {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawIssuer, last.RawSubject) {
			break
		}
		next := s.bySubject(last.RawIssuer)
		if next == nil {
			break
		}
		chain = append(chain, next)
	}
	return chain
}

// trusted are the certificates that a store trusts: as in Java the first one of each key too.
func (s *p12Store) trusted() (list []*x509.Certificate) {
	for _, k := range s.keys {
		if chain := s.chain(k); len(chain) > 0 {
			list = append(list, chain[0])
		}
	}
	for _, c := range s.certificates {
		if c.trusted {
			list = append(list, c.cert)
		}
	}
	return list
}

// keyPair is the first key by alias, with its chain.
func (s *p12Store) keyPair(password string) (pair tls.Certificate, err error) {
	keys := slices.DeleteFunc(slices.Clone(s.keys), func(k p12Key) bool { return len(s.chain(k)) == 0 })
	if len(keys) == 0 {
		return pair, errNoKey
	}
	k := slices.MinFunc(keys, func(a, b p12Key) int { return strings.Compare(a.alias, b.alias) })
	if pair.PrivateKey, err = k.privateKey(password); err != nil {
		return tls.Certificate{}, err
	}
	for _, c := range s.chain(k) {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	pair.Leaf = s.chain(k)[0]
	return pair, nil
}

func (s *p12Store) bySubject(name []byte) *x509.Certificate {
	for _, c := range s.certificates {
		if bytes.Equal(c.cert.RawSubject, name) {
			return c.cert
		}
	}
	return nil
}

// checkMAC compares the store's digest, which is a check of the password too.
func checkMAC(der, content []byte, password string) error {
	var m struct {
		Digest struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	}
	if err := unmarshal(der, &m); err != nil {
		return err
	}
	var (
		key    []byte
		digest func() hash.Hash
		err    error
	)
	if m.Digest.Algorithm.Algorithm.Equal(oidPBMAC1) {
		key, digest, err = pbmac1(m.Digest.Algorithm.Parameters.FullBytes, password)
	} else if digest, err = digestOf(m.Digest.Algorithm.Algorithm); err == nil {
		key, err = deriveKey(digest, 3, password, m.Salt, m.Iterations, digest().Size())
	}
	if err != nil {
		return err
	}
	h := hmac.New(digest, key)
	h.Write(content)
	if subtle.ConstantTimeCompare(h.Sum(nil), m.Digest.Digest) != 1 {
		return errPKCS12Password
	}
	return nil
}

// pbmac1 is the key and the digest of RFC 9579.
func pbmac1(parameters []byte, password string) ([]byte, func() hash.Hash, error) {
	var p struct{ KDF, MAC pkix.AlgorithmIdentifier }
	if err := unmarshal(parameters, &p); err != nil {
		return nil, nil, err
	}
	digest, err := digestOf(p.MAC.Algorithm)
	if err != nil {
		return nil, nil, err
	}
	key, err := pbkdf2Key(p.KDF, password, 0)
	return key, digest, err
}

// digestOf is a hash by the identifier of its digest or HMAC.
func digestOf(id asn1.ObjectIdentifier) (func() hash.Hash, error) {
	switch id.String() {
	// The digest, and the HMAC that is made of it.
	case "1.3.14.3.2.26", "1.2.840.113549.2.7":
		return sha1.New, nil
	case "2.16.840.1.101.3.4.2.4", "1.2.840.113549.2.8":
		return sha256.New224, nil
	case "2.16.840.1.101.3.4.2.1", "1.2.840.113549.2.9":
		return sha256.New, nil
	case "2.16.840.1.101.3.4.2.2", "1.2.840.113549.2.10":
		return sha512.New384, nil
	case "2.16.840.1.101.3.4.2.3", "1.2.840.113549.2.11":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("digest %v in a PKCS12 store is not supported", id)
}

// decryptPBE decrypts by a password: PBES2, or the schemes of PKCS12 itself that keytool and
// openssl have written.
func decryptPBE(a pkix.AlgorithmIdentifier, data []byte, password string) ([]byte, error) {
	if a.Algorithm.Equal(oidPBES2) {
		return decryptPBES2(a.Parameters.FullBytes, data, password)
	}
	var p struct {
		Salt       []byte
		Iterations int
	}
	if err := unmarshal(a.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	var size int
	// Triple DES, with three keys or two, and RC2 with 128 or 40 bits: what keytool and openssl
	// wrote before PBES2.
	block := func(key []byte) (cipher.Block, error) { return newRC2(key), nil }
	switch a.Algorithm.String() {
	case "1.2.840.113549.1.12.1.3":
		size, block = 24, des.NewTripleDESCipher
	case "1.2.840.113549.1.12.1.4":
		// Two keys: the first is the third again.
		size, block = 16, func(key []byte) (cipher.Block, error) { return des.NewTripleDESCipher(append(key, key[:8]...)) }
	case "1.2.840.113549.1.12.1.5":
		size = 16
	case "1.2.840.113549.1.12.1.6":
		size = 5
	default:
		return nil, fmt.Errorf("encryption %v in a PKCS12 store is not supported", a.Algorithm)
	}
	key, err := deriveKey(sha1.New, 1, password, p.Salt, p.Iterations, size)
	if err != nil {
		return nil, err
	}
	iv, err := deriveKey(sha1.New, 2, password, p.Salt, p.Iterations, 8)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, key, iv, data)
}

func decryptPBES2(parameters, data []byte, password string) ([]byte, error) {
	var p struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	if err := unmarshal(parameters, &p); err != nil {
		return nil, err
	}
	size, block := 0, aes.NewCipher
	// AES-CBC with 128, 192 and 256 bits, and Triple DES.
	switch p.Cipher.Algorithm.String() {
	case "2.16.840.1.101.3.4.1.2":
		size = 16
	case "2.16.840.1.101.3.4.1.22":
		size = 24
	case "2.16.840.1.101.3.4.1.42":
		size = 32
	case "1.2.840.113549.3.7":
		size, block = 24, des.NewTripleDESCipher
	default:
		return nil, fmt.Errorf("encryption %v in a PKCS12 store is not supported", p.Cipher.Algorithm)
	}
	var iv []byte
	if err := unmarshal(p.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	key, err := pbkdf2Key(p.KDF, password, size)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, key, iv, data)
}

// pbkdf2Key derives a key of a size, or of the one in the parameters if that is 0.
func pbkdf2Key(a pkix.AlgorithmIdentifier, password string, size int) ([]byte, error) {
	if !a.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("key derivation %v in a PKCS12 store is not supported", a.Algorithm)
	}
	var p struct {
		Salt       []byte
		Iterations int
		Size       int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if err := unmarshal(a.Parameters.FullBytes, &p); err != nil {
		return nil, err
	}
	if size == 0 {
		size = p.Size
	}
	if p.Iterations < 1 || p.Iterations > maxIterations || size < 1 || size > 64 {
		return nil, fmt.Errorf("%d iterations for a key of %d bytes in a PKCS12 store are not supported", p.Iterations, size)
	}
	digest := sha1.New
	if len(p.PRF.Algorithm) > 0 {
		var err error
		if digest, err = digestOf(p.PRF.Algorithm); err != nil {
			return nil, err
		}
	}
	return pbkdf2.Key(digest, password, p.Salt, p.Iterations, size)
}

// deriveKey is the key derivation of RFC 7292, appendix B: id is 1 for a key, 2 for an
// initialization vector, 3 for a digest.
func deriveKey(digest func() hash.Hash, id byte, password string, salt []byte, iterations, size int) ([]byte, error) {
	if iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("%d iterations in a PKCS12 store are not supported", iterations)
	}
	h := digest()
	u, v := h.Size(), h.BlockSize()
	fill := func(b []byte) []byte { // repeated up to a whole number of blocks
		out := make([]byte, (len(b)+v-1)/v*v)
		for n := 0; n < len(out); {
			n += copy(out[n:], b)
		}
		return out
	}
	secret := utf16Bytes(password)
	// A BMPString ends in a zero character, which counts as part of the password.
	secret = append(secret, 0, 0)
	diversifier, i := bytes.Repeat([]byte{id}, v), append(fill(salt), fill(secret)...)
	var out []byte
	one := big.NewInt(1)
	for len(out) < size {
		h.Reset()
		h.Write(diversifier)
		h.Write(i)
		a := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		out = append(out, a[:min(u, size-len(out))]...)
		// B is A repeated to v bytes; each block of I becomes I + B + 1 modulo 2^(8v).
		b := new(big.Int).SetBytes(fill(a)[:v])
		b.Add(b, one)
		for j := 0; j < len(i); j += v {
			sum := new(big.Int).SetBytes(i[j : j+v])
			sum.Add(sum, b)
			all := sum.Bytes()
			all = all[max(0, len(all)-v):] // without what flows over
			clear(i[j : j+v])
			copy(i[j+v-len(all):j+v], all)
		}
	}
	return out, nil
}

// decryptCBC decrypts and takes the padding away. Padding that is none means a wrong password.
func decryptCBC(block func(key []byte) (cipher.Block, error), key, iv, data []byte) ([]byte, error) {
	b, err := block(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != b.BlockSize() || len(data) == 0 || len(data)%b.BlockSize() != 0 {
		return nil, errors.New("an encrypted part of the PKCS12 store is cut off")
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	// Every byte of the padding is looked at, for a wrong password ends in valid padding once in
	// 256 times otherwise.
	if n < 1 || n > b.BlockSize() || !bytes.Equal(out[len(out)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, errPKCS12Password
	}
	return out[:len(out)-n], nil
}

// unmarshal reads all of a value.
func unmarshal(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes behind its end")
	}
	return err
}
