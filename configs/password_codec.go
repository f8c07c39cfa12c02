package configs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Dynamic passwords are stored in ZooKeeper as Kafka stores them (its PasswordEncoder): name:value
// pairs separated by commas, binary values in Base64, encrypted with a key that is derived from
// password.encoder.secret. What is stored says how, whatever is configured.
const (
	defaultKeyFactory = "PBKDF2WithHmacSHA512"
	saltBytes         = 256
	gcmTagBits        = 128
	// An attacker who can write the znode could otherwise make every start last for hours.
	maxIterations = 10_000_000 // what is stored is not trusted with more of our time
)

var (
	errDamagedPassword = errors.New("password encoder: the stored value is damaged")
	errOtherSecret     = errors.New("password encoder: the stored value was not encrypted with this password.encoder.secret")
)

// keyFactories are those of Java that derive with PBKDF2.
var keyFactories = map[string]func() hash.Hash{
	"PBKDF2WithHmacSHA1": sha1.New, "PBKDF2WithHmacSHA224": sha256.New224, "PBKDF2WithHmacSHA256": sha256.New,
	"PBKDF2WithHmacSHA384": sha512.New384, "PBKDF2WithHmacSHA512": sha512.New,
}

// passwordKey derives the key of the cipher.
func passwordKey(factory, secret string, salt []byte, iterations, bits int) ([]byte, error) {
	algorithm, ok := keyFactories[factory]
	if !ok {
		return nil, fmt.Errorf("password encoder: key factory %q is not supported; valid are %s", factory, strings.Join(slices.Sorted(maps.Keys(keyFactories)), ", "))
	}
	// Lengths of keys are given in bits, as in Java.
	if iterations < 1 || iterations > maxIterations || bits < 8 || bits > 4096 {
		return nil, errors.New("password encoder: iterations or key length out of range")
	}
	return pbkdf2.Key(algorithm, secret, salt, iterations, bits/8)
}

// passwordCipher encrypts and decrypts in the way of one of Java's transformations.
type passwordCipher struct {
	name  string
	block func(key []byte) (cipher.Block, error)
	mode  string // CBC, CFB or GCM
}

var passwordCiphers = [...]passwordCipher{
	{"AES/CBC/PKCS5Padding", aes.NewCipher, "CBC"}, {"AES/GCM/NoPadding", aes.NewCipher, "GCM"}, {"AES/CFB/NoPadding", aes.NewCipher, "CFB"},
	{"DESede/CBC/PKCS5Padding", des.NewTripleDESCipher, "CBC"}, {"DES/CBC/PKCS5Padding", des.NewCipher, "CBC"},
}

// findPasswordCipher finds a cipher by Java's name.
func findPasswordCipher(name string) (*passwordCipher, error) {
	names := make([]string, len(passwordCiphers))
	for i := range passwordCiphers {
		c := &passwordCiphers[i]
		if c.name == name {
			return c, nil
		}
		names[i] = c.name
	}
	return nil, fmt.Errorf("password encoder: cipher %q is not supported; valid are %s", name, strings.Join(names, ", "))
}

// seal encrypts, with a new vector.
func (c *passwordCipher) seal(key, clear []byte) (data, iv []byte, err error) {
	b, err := c.block(key)
	if err != nil {
		return nil, nil, fmt.Errorf("password encoder: %s: %w", c.name, err)
	}
	if c.mode == "GCM" {
		aead, err := cipher.NewGCM(b)
		if err != nil {
			return nil, nil, err
		}
		iv = make([]byte, aead.NonceSize())
		// rand.Read of crypto/rand never fails.
		rand.Read(iv)
		return aead.Seal(nil, iv, clear, nil), iv, nil
	}
	iv = make([]byte, b.BlockSize())
	rand.Read(iv)
	if c.mode == "CFB" {
		return feedback(b, iv, clear, false), iv, nil
	}
	// PKCS5 padding: the number of added bytes, that many times; a whole block when it fits.
	data = slices.Clone(clear)
	padding := b.BlockSize() - len(data)%b.BlockSize()
	for range padding {
		data = append(data, byte(padding))
	}
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(data, data)
	return data, iv, nil
}

// open decrypts.
func (c *passwordCipher) open(key, iv, data []byte) ([]byte, error) {
	b, err := c.block(key)
	if err != nil {
		return nil, fmt.Errorf("password encoder: %s: %w", c.name, err)
	}
	if c.mode == "GCM" {
		aead, err := cipher.NewGCM(b)
		if err != nil || len(iv) != aead.NonceSize() {
			return nil, errDamagedPassword
		}
		clear, err := aead.Open(nil, iv, data, nil)
		if err != nil {
			return nil, errOtherSecret
		}
		return clear, nil
	}
	if len(iv) != b.BlockSize() {
		return nil, errDamagedPassword
	}
	if c.mode == "CFB" {
		return feedback(b, iv, data, true), nil
	}
	if len(data) == 0 || len(data)%b.BlockSize() != 0 {
		return nil, errDamagedPassword
	}
	clear := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(clear, data)
	// The padding is no proof of the right secret; the length of the text is compared below.
	padding := int(clear[len(clear)-1])
	if padding < 1 || padding > b.BlockSize() {
		return nil, errOtherSecret
	}
	return clear[:len(clear)-padding], nil
}

// feedback is CFB with the feedback of a whole block.
func feedback(b cipher.Block, iv, in []byte, decrypt bool) []byte {
	out, last, stream := make([]byte, len(in)), slices.Clone(iv), make([]byte, b.BlockSize())
	for at := 0; at < len(in); at += b.BlockSize() {
		b.Encrypt(stream, last)
		n := subtle.XORBytes(out[at:], in[at:], stream)
		if decrypt {
			copy(last, in[at:at+n])
		} else {
			copy(last, out[at:at+n])
		}
	}
	return out
}

// encodePassword makes the text that ZooKeeper keeps of a secret config: names and values with
// commas, as Kafka's PasswordEncoder.
func encodePassword(b *Broker, clear string) (string, error) {
	if b.PasswordEncoderSecret == "" {
		return "", errNoSecret
	}
	c, err := findPasswordCipher(b.PasswordEncoderCipherAlgorithm)
	if err != nil {
		return "", err
	}
	factory := b.PasswordEncoderKeyfactoryAlgorithm
	if factory == "" {
		factory = defaultKeyFactory
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	key, err := passwordKey(factory, b.PasswordEncoderSecret, salt, int(b.PasswordEncoderIterations), int(b.PasswordEncoderKeyLength))
	if err != nil {
		return "", err
	}
	data, iv, err := c.seal(key, []byte(clear))
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString
	fields := []string{encryptedPrefix + text(data), "keyLength:" + strconv.Itoa(int(b.PasswordEncoderKeyLength)), "cipherAlgorithm:" + c.name,
		"initializationVector:" + text(iv), "keyFactoryAlgorithm:" + factory, "salt:" + text(salt), "iterations:" + strconv.Itoa(int(b.PasswordEncoderIterations)),
		// Java counts UTF-16 units.
		"passwordLength:" + strconv.Itoa(len(utf16.Encode([]rune(clear))))}
	if c.mode == "GCM" {
		fields = append(fields, "authenticationTagLength:"+strconv.Itoa(gcmTagBits))
	}
	return strings.Join(fields, ","), nil
}

// decodePassword reads such a text. A wrong password.encoder.secret and a damaged text cannot be
// told apart.
func decodePassword(secret, encoded string) (string, error) {
	parts := map[string]string{}
	for _, item := range strings.Split(encoded, ",") {
		// The values are Base64 and have no colon, but a cipher's name has slashes.
		name, value, _ := strings.Cut(strings.TrimSpace(item), ":")
		parts[name] = value
	}
	c, err := findPasswordCipher(parts["cipherAlgorithm"])
	if err != nil {
		return "", err
	}
	data, err1 := base64.StdEncoding.DecodeString(parts["encryptedPassword"])
	iv, err2 := base64.StdEncoding.DecodeString(parts["initializationVector"])
	salt, err3 := base64.StdEncoding.DecodeString(parts["salt"])
	bits, err4 := strconv.Atoi(parts["keyLength"])
	iterations, err5 := strconv.Atoi(parts["iterations"])
	length, err6 := strconv.Atoi(parts["passwordLength"])
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return "", errDamagedPassword
	}
	if c.mode == "GCM" && parts["authenticationTagLength"] != strconv.Itoa(gcmTagBits) {
		return "", errDamagedPassword
	}
	key, err := passwordKey(parts["keyFactoryAlgorithm"], secret, salt, iterations, bits)
	if err != nil {
		return "", err
	}
	clear, err := c.open(key, iv, data)
	if err != nil {
		return "", err
	}
	if text := string(clear); len(utf16.Encode([]rune(text))) == length {
		return text, nil
	}
	return "", errOtherSecret
}
