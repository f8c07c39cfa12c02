package interbroker

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
)

const (
	controlledShutdownKey = 7
	apiVersionsKey        = 18
)

// AppendRequest appends a whole request frame to b: size, header (v0 for ControlledShutdown v0, v2 for flexible versions, else
// v1), body.
func AppendRequest(b []byte, req kmsg.Request, correlationID int32, clientID string) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(req.Key()))
	b = binary.BigEndian.AppendUint16(b, uint16(req.GetVersion()))
	b = binary.BigEndian.AppendUint32(b, uint32(correlationID))
	if req.Key() != controlledShutdownKey || req.GetVersion() != 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
		b = append(b, clientID...)
		if req.IsFlexible() {
			b = append(b, 0) // no tagged fields
		}
	}
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// DecodeResponse decodes a response frame (without its size) to req. Byte fields alias frame.
func DecodeResponse(frame []byte, req kmsg.Request, correlationID int32) (kmsg.Response, error) {
	if len(frame) < 4 {
		return nil, fmt.Errorf("response of %d bytes has no header", len(frame))
	}
	if got := int32(binary.BigEndian.Uint32(frame)); got != correlationID {
		return nil, fmt.Errorf("response has correlation id %d, the request had %d", got, correlationID)
	}
	body := frame[4:]
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if resp.IsFlexible() && req.Key() != apiVersionsKey {
		var err error
		if body, err = skipTags(body); err != nil {
			return nil, err
		}
	}
	if err := protocol.SkimResponse(req.Key(), req.GetVersion(), body); err != nil {
		return nil, err
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("decode response of %d bytes: %w", len(frame), err)
	}
	return resp, nil
}

// skipTags steps over the tagged fields of a response header.
func skipTags(b []byte) ([]byte, error) {
	bad := func() ([]byte, error) { return nil, fmt.Errorf("response header has malformed tagged fields") }
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return bad()
	}
	b = b[size:]
	for ; n > 0; n-- {
		_, size := binary.Uvarint(b)
		if size <= 0 {
			return bad()
		}
		b = b[size:]
		length, size := binary.Uvarint(b)
		if size <= 0 || length > uint64(len(b)-size) {
			return bad()
		}
		b = b[size+int(length):]
	}
	return b, nil
}
