package configs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
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

// Dynamic passwords are stored in ZooKeeper as Kafka stores them: name:value pairs separated by commas, binary values in Base64,
// encrypted with a key that is derived from password.encoder.secret.
const (
	encryptedPrefix   = "encryptedPassword:"
	defaultKeyFactory = "PBKDF2WithHmacSHA512"
	cbcCipher         = "AES/CBC/PKCS5Padding"
	saltBytes         = 256
	maxIterations     = 10_000_000 // what is stored is not trusted with more of our time
)

// errNoSecret has Kafka's text.
var errNoSecret = errors.New("Password encoder secret not configured")

// isDynamicPassword tells whether the key is a password that may be set while the broker runs, with or without a listener's prefix.
func isDynamicPassword(name string) bool {
	base, _ := baseKey(name)
	k, ok := BrokerKey(base)
	return ok && k.Sensitive() && k.Update != ReadOnly
}

// EncodePasswords encrypts the passwords among dynamic settings, in a copy, for storing them in ZooKeeper; what is encrypted already
// stays. It fails when there is a password and password.encoder.secret is not set.
func (c *Config) EncodePasswords(settings map[string]string) (map[string]string, error) {
	out := maps.Clone(settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !isDynamicPassword(name) || strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		encoded, err := encodePassword(c.Broker(), settings[name])
		if err != nil {
			return nil, err
		}
		out[name] = encoded
	}
	return out, nil
}

// decodePasswords decrypts what EncodePasswords encrypted, in a copy. What cannot be read is left out and named by the error.
func (c *Config) decodePasswords(settings map[string]string) (map[string]string, error) {
	out := maps.Clone(settings)
	var errs []error
	b := c.Broker()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !isDynamicPassword(name) || !strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		if b.PasswordEncoderSecret == "" {
			delete(out, name)
			errs = append(errs, fmt.Errorf("dynamic config left out: %s is encrypted: %w", name, errNoSecret))
			continue
		}
		clear, err := decodePassword(b.PasswordEncoderSecret, settings[name])
		if err != nil && b.PasswordEncoderOldSecret != "" {
			clear, err = decodePassword(b.PasswordEncoderOldSecret, settings[name])
		}
		if err != nil {
			delete(out, name)
			errs = append(errs, fmt.Errorf("dynamic config left out: %s: %w", name, err))
			continue
		}
		out[name] = clear
	}
	return out, errors.Join(errs...)
}

// ReencodePasswords encrypts with password.encoder.secret what only password.encoder.old.secret can read, in a copy; it tells whether there
// was any. What neither reads stays as it is.
func (c *Config) ReencodePasswords(settings map[string]string) (out map[string]string, changed bool, err error) {
	b := c.Broker()
	if b.PasswordEncoderOldSecret == "" || b.PasswordEncoderSecret == "" {
		return settings, false, nil
	}
	out = maps.Clone(settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !isDynamicPassword(name) || !strings.HasPrefix(settings[name], encryptedPrefix) {
			continue
		}
		if _, err := decodePassword(b.PasswordEncoderSecret, settings[name]); err == nil {
			continue
		}
		clear, err := decodePassword(b.PasswordEncoderOldSecret, settings[name])
		if err != nil {
			continue
		}
		if out[name], err = encodePassword(b, clear); err != nil {
			return settings, false, fmt.Errorf("%s: %w", name, err)
		}
		changed = true
	}
	return out, changed, nil
}

// passwordKey derives the key of the cipher.
func passwordKey(factory, secret string, salt []byte, iterations, bits int) ([]byte, error) {
	algorithms := map[string]func() hash.Hash{"PBKDF2WithHmacSHA512": sha512.New, "PBKDF2WithHmacSHA256": sha256.New, "PBKDF2WithHmacSHA1": sha1.New}
	algorithm, ok := algorithms[factory]
	if !ok {
		return nil, fmt.Errorf("password encoder: key factory %q is not supported", factory)
	}
	if iterations < 1 || iterations > maxIterations || bits < 8 || bits > 4096 {
		return nil, errors.New("password encoder: iterations or key length out of range")
	}
	return pbkdf2.Key(algorithm, secret, salt, iterations, bits/8)
}

func encodePassword(b *Broker, clear string) (string, error) {
	if b.PasswordEncoderSecret == "" {
		return "", errNoSecret
	}
	if b.PasswordEncoderCipherAlgorithm != cbcCipher {
		return "", fmt.Errorf("password encoder: cipher %q is not supported, only %s", b.PasswordEncoderCipherAlgorithm, cbcCipher)
	}
	factory := b.PasswordEncoderKeyfactoryAlgorithm
	if factory == "" {
		factory = defaultKeyFactory
	}
	salt, iv := make([]byte, saltBytes), make([]byte, aes.BlockSize)
	rand.Read(salt)
	rand.Read(iv)
	key, err := passwordKey(factory, b.PasswordEncoderSecret, salt, int(b.PasswordEncoderIterations), int(b.PasswordEncoderKeyLength))
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("password encoder: %w", err)
	}
	data := []byte(clear)
	padding := aes.BlockSize - len(data)%aes.BlockSize
	for range padding {
		data = append(data, byte(padding))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	text := base64.StdEncoding.EncodeToString
	return strings.Join([]string{encryptedPrefix + text(data), "keyLength:" + strconv.Itoa(int(b.PasswordEncoderKeyLength)), "cipherAlgorithm:" + cbcCipher,
		"initializationVector:" + text(iv), "keyFactoryAlgorithm:" + factory, "salt:" + text(salt), "iterations:" + strconv.Itoa(int(b.PasswordEncoderIterations)),
		"passwordLength:" + strconv.Itoa(len(utf16.Encode([]rune(clear))))}, ","), nil
}

func decodePassword(secret, encoded string) (string, error) {
	parts := map[string]string{}
	for _, item := range strings.Split(encoded, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), ":")
		parts[name] = value
	}
	if parts["cipherAlgorithm"] != cbcCipher {
		return "", fmt.Errorf("password encoder: cipher %q is not supported, only %s", parts["cipherAlgorithm"], cbcCipher)
	}
	data, err1 := base64.StdEncoding.DecodeString(parts["encryptedPassword"])
	iv, err2 := base64.StdEncoding.DecodeString(parts["initializationVector"])
	salt, err3 := base64.StdEncoding.DecodeString(parts["salt"])
	bits, err4 := strconv.Atoi(parts["keyLength"])
	iterations, err5 := strconv.Atoi(parts["iterations"])
	length, err6 := strconv.Atoi(parts["passwordLength"])
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return "", errors.New("password encoder: the stored value is damaged")
	}
	key, err := passwordKey(parts["keyFactoryAlgorithm"], secret, salt, iterations, bits)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("password encoder: %w", err)
	}
	if len(iv) != aes.BlockSize || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return "", errors.New("password encoder: the stored value is damaged")
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(data, data)
	padding := int(data[len(data)-1])
	if padding < 1 || padding > aes.BlockSize {
		return "", errors.New("password encoder: the stored value was not encrypted with this password.encoder.secret")
	}
	clear := string(data[:len(data)-padding])
	if len(utf16.Encode([]rune(clear))) != length {
		return "", errors.New("password encoder: the stored value was not encrypted with this password.encoder.secret")
	}
	return clear, nil
}
