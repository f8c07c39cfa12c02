package interbroker

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
)

// AppendRequest appends a whole request frame to b: size, header, body.
func AppendRequest(b []byte, req kmsg.Request, correlationID int32, clientID string) []byte {
	return protocol.AppendRequest(b, req, correlationID, &clientID)
}

// appendSharedRequest appends a request frame up to the part that is shared; its size counts that
// part.
func appendSharedRequest(b []byte, req *sharedRequest, correlationID int32, clientID string) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = protocol.AppendRequestHeader(b, req.Key(), req.GetVersion(), correlationID, &clientID)
	b = req.appendHead(b)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4+len(req.rest.b)))
	return b
}

// DecodeResponse decodes a response frame (without its size) to req. Byte fields alias frame.
func DecodeResponse(frame []byte, req kmsg.Request, correlationID int32) (kmsg.Response, error) {
	got, body, err := protocol.ParseResponseHeader(frame, req.Key(), req.GetVersion())
	if err != nil {
		return nil, fmt.Errorf("response of %d bytes: %w", len(frame), err)
	}
	if got != correlationID {
		return nil, fmt.Errorf("response has correlation id %d, the request had %d", got, correlationID)
	}
	if err := protocol.SkimResponse(req.Key(), req.GetVersion(), body); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("decode response of %d bytes: %w", len(frame), err)
	}
	return resp, nil
}
