package keystore

import (
	"bytes"
	"crypto/sha1"
	"crypto/subtle"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"

	"momus/internal/wire"
)

// Java's own store format (sun.security.provider.JavaKeyStore), all numbers big-endian:
//
//	uint32 0xFEEDFEED, uint32 version (1 or 2), uint32 number of entries, the entries, then 20 bytes
//	SHA-1(password as UTF-16BE + "Mighty Aphrodite" + all bytes before)
//
// An entry is a uint32 tag, the alias (uint16 length, bytes), an int64 time in ms, and
//
//	tag 1, a private key: uint32 length, EncryptedPrivateKeyInfo; uint32 number of certificates, the certificates
//	tag 2, a trusted certificate: the certificate
//
// A certificate is its type (uint16 length, bytes; version 2 only), uint32 length, DER.
const (
	jksKey         = 1
	jksCertificate = 2
)

// errStorePassword is a wrong password, or a store that was changed: JKS cannot tell one from the
// other.
var errStorePassword = errors.New("its digest does not match the password")

// jksEntry is one entry: a trusted certificate when key is nil.
type jksEntry struct {
	alias        string
	key          []byte // EncryptedPrivateKeyInfo
	certificates [][]byte
}

// readJKS reads all entries in the order of the file. Without a password the digest is not checked,
// as in Java. The entries alias data.
func readJKS(data []byte, password string) ([]jksEntry, error) {
	if len(data) < 12+sha1.Size {
		return nil, errTruncated
	}
	// The digest covers all but itself.
	body, digest := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	if password != "" {
		h := sha1.New()
		h.Write(utf16Bytes(password))
		h.Write([]byte("Mighty Aphrodite"))
		h.Write(body)
		if subtle.ConstantTimeCompare(h.Sum(nil), digest) != 1 {
			return nil, errStorePassword
		}
	}
	// Behind the magic number, which read has seen.
	r := &jksReader{wire.Reader{Rest: body[4:]}}
	version := r.uint32()
	if r.Err == nil && version != 1 && version != 2 {
		return nil, fmt.Errorf("version %d of the JKS format is not known", version)
	}
	var out []jksEntry
	// Each entry takes bytes, so that a false count ends with the data and not with the memory.
	for n := r.uint32(); n > 0 && r.Err == nil; n-- {
		tag := r.uint32()
		e := jksEntry{alias: string(r.bytes16())}
		// The time at which the entry was made.
		r.Int64()
		switch count := uint32(1); tag {
		case jksKey:
			// The key comes first, then its chain, the leaf at its head.
			e.key = r.bytes32()
			count = r.uint32()
			fallthrough
		case jksCertificate:
			for ; count > 0 && r.Err == nil; count-- {
				if version == 2 {
					r.bytes16()
				}
				e.certificates = append(e.certificates, r.bytes32())
			}
		default:
			if r.Err == nil {
				return nil, fmt.Errorf("entry %q is of an unknown kind, %d", e.alias, tag)
			}
		}
		out = append(out, e)
	}
	if r.Err != nil {
		return nil, errTruncated
	}
	return out, nil
}

var errTruncated = errors.New("the file ends in the middle of an entry")

// jksReader reads lengths and counts, which have no sign.
type jksReader struct{ wire.Reader }

func (r *jksReader) uint32() uint32  { return uint32(r.Int32()) }
func (r *jksReader) bytes16() []byte { return r.Take(int(uint16(r.Int16()))) }
func (r *jksReader) bytes32() []byte { return r.Take(int(r.uint32())) }

// jksKeyProtector is Sun's algorithm for private keys, 1.3.6.1.4.1.42.2.17.1.1.
var jksKeyProtector = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1}

// decryptJKSKey gives the PKCS8 form of a key: 20 bytes salt, the key XORed with a chain of
// SHA-1(password + last), SHA-1(password + key).
func decryptJKSKey(encrypted []byte, password string) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if _, err := asn1.Unmarshal(encrypted, &info); err != nil {
		return nil, err
	}
	if !info.Algorithm.Algorithm.Equal(jksKeyProtector) {
		return nil, fmt.Errorf("it is encrypted with an unknown algorithm, %s", info.Algorithm.Algorithm)
	}
	if len(info.Data) < 2*sha1.Size {
		return nil, errTruncated
	}
	secret := utf16Bytes(password)
	// The salt is the first link of the chain.
	link, check := info.Data[:sha1.Size], info.Data[len(info.Data)-sha1.Size:]
	key := bytes.Clone(info.Data[sha1.Size : len(info.Data)-sha1.Size])
	hash := func(parts ...[]byte) []byte {
		h := sha1.New()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	for at := 0; at < len(key); at += sha1.Size {
		link = hash(secret, link)
		subtle.XORBytes(key[at:], key[at:], link)
	}
	// The digest of the plain key is the only proof of the password.
	if subtle.ConstantTimeCompare(hash(secret, key), check) != 1 {
		return nil, errors.New("the password of the key (ssl.key.password) is wrong")
	}
	return key, nil
}

func utf16Bytes(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return out
}
