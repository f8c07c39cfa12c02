package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every error about bytes that do not parse. The connection that sent
// them is closed.
var ErrMalformed = errors.New("malformed request")

// Header is a request header. ClientID aliases the frame it was parsed from; it is nil when the
// client sent null or the header version has none.
type Header struct {
	Key           Key
	Version       int16
	CorrelationID int32
	ClientID      []byte
}

// ParseHeader reads the request header at the start of frame (without its length) and returns the
// body behind it. The header version follows from the API and its version: v2 for flexible
// versions, v0 for ControlledShutdown v0, otherwise v1. For a key that Kafka 2.5.0 does not have it
// is an error; a version above the known ones parses like the highest.
func ParseHeader(frame []byte) (h Header, body []byte, err error) {
	if len(frame) < 8 {
		return h, nil, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(frame))
	}
	h.Key = int16(binary.BigEndian.Uint16(frame))
	h.Version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.CorrelationID = int32(binary.BigEndian.Uint32(frame[4:]))
	body = frame[8:]
	api, ok := Lookup(h.Key)
	if !ok {
		return h, nil, fmt.Errorf("%w: unknown API key %d", ErrMalformed, h.Key)
	}
	if h.Key == ControlledShutdown && h.Version == 0 {
		return h, body, nil
	}
	if len(body) < 2 {
		return h, nil, fmt.Errorf("%w: header ends before the client id", ErrMalformed)
	}
	// The client id has a 16-bit length in every version of the header, also in the flexible one.
	n := int(int16(binary.BigEndian.Uint16(body)))
	body = body[2:]
	switch {
	case n > len(body):
		return h, nil, fmt.Errorf("%w: client id of %d bytes, %d left", ErrMalformed, n, len(body))
	case n >= 0:
		// With its capacity cut, so that nobody appends into the body.
		h.ClientID = body[:n:n]
		body = body[n:]
	case n < -1:
		return h, nil, fmt.Errorf("%w: client id of length %d", ErrMalformed, n)
	}
	if api.IsFlexible(h.Version) {
		if body, err = skipTags(body); err != nil {
			return h, nil, err
		}
	}
	return h, body, nil
}

// skipTags skips a section of tagged fields.
func skipTags(b []byte) ([]byte, error) {
	count, n := binary.Uvarint(b)
	// A tagged field takes two bytes at least, so that a larger number cannot be true.
	if n <= 0 || count > uint64(len(b)) {
		return nil, fmt.Errorf("%w: tagged fields", ErrMalformed)
	}
	b = b[n:]
	for ; count > 0; count-- {
		if _, n = binary.Uvarint(b); n <= 0 {
			return nil, fmt.Errorf("%w: tag", ErrMalformed)
		}
		b = b[n:]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, fmt.Errorf("%w: tagged field size", ErrMalformed)
		}
		b = b[n+int(size):]
	}
	return b, nil
}

// AppendResponseHeader appends the header of a response to (key, version): the correlation id and,
// for flexible versions of any API but ApiVersions, an empty tag section.
func AppendResponseHeader(dst []byte, key Key, version int16, correlationID int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if responseTags(key, version) {
		dst = append(dst, 0)
	}
	return dst
}

// responseTags reports whether the response header has tagged fields. ApiVersions never has: a
// client that does not know yet what the broker speaks must be able to read it (KIP-511).
func responseTags(key Key, version int16) bool {
	api, ok := Lookup(key)
	return ok && key != ApiVersions && api.IsFlexible(version)
}

// ParseResponseHeader reads the response header at the start of frame (without its length) and
// returns the body behind it.
func ParseResponseHeader(frame []byte, key Key, version int16) (correlationID int32, body []byte, err error) {
	if len(frame) < 4 {
		return 0, nil, fmt.Errorf("%w: response header of %d bytes", ErrMalformed, len(frame))
	}
	correlationID = int32(binary.BigEndian.Uint32(frame))
	body = frame[4:]
	if responseTags(key, version) {
		if body, err = skipTags(body); err != nil {
			return correlationID, nil, err
		}
	}
	return correlationID, body, nil
}

// AppendRequestHeader appends a request header. A nil clientID is sent as null.
func AppendRequestHeader(dst []byte, key Key, version int16, correlationID int32, clientID *string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if key == ControlledShutdown && version == 0 {
		return dst
	}
	if clientID == nil {
		dst = append(dst, 0xff, 0xff)
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(*clientID)))
		dst = append(dst, *clientID...)
	}
	if api, ok := Lookup(key); ok && api.IsFlexible(version) {
		dst = append(dst, 0)
	}
	return dst
}
