package protocol

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// DecodeRequest decodes a request body that kmsg knows. Byte fields alias body. Bytes behind the
// message are ignored, as Kafka does. Lengths are checked against what is left of body before
// anything is allocated for them.
func DecodeRequest(key Key, version int16, body []byte) (kmsg.Request, error) {
	api, ok := Lookup(key)
	if !ok || !api.Supported(version) {
		return nil, fmt.Errorf("%w: %s v%d is not supported", ErrMalformed, Name(key), version)
	}
	// Before kmsg, which believes what it reads.
	if err := skim(key, version, body); err != nil {
		return nil, err
	}
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	if err := req.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%w: %s v%d: %v", ErrMalformed, api.Name, version, err)
	}
	return req, nil
}

// AppendRequest appends a whole framed request: length, header, body. It is for clients of other
// brokers.
func AppendRequest(dst []byte, req kmsg.Request, correlationID int32, clientID *string) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendRequestHeader(dst, req.Key(), req.GetVersion(), correlationID, clientID)
	dst = req.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// AppendResponse appends a whole framed response: length, header, body.
func AppendResponse(dst []byte, resp kmsg.Response, correlationID int32) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendResponseHeader(dst, resp.Key(), resp.GetVersion(), correlationID)
	dst = resp.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// ReadResponse parses a response frame (without its length) into resp, whose version is that of the
// request. Byte fields alias frame.
func ReadResponse(frame []byte, resp kmsg.Response) (correlationID int32, err error) {
	correlationID, body, err := ParseResponseHeader(frame, resp.Key(), resp.GetVersion())
	if err != nil {
		return correlationID, err
	}
	if err := resp.ReadFrom(body); err != nil {
		return correlationID, fmt.Errorf("%w: %s v%d response: %v", ErrMalformed, Name(resp.Key()), resp.GetVersion(), err)
	}
	return correlationID, nil
}
