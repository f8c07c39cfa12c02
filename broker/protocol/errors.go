package protocol

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/internal/kerr"
)

// ErrorResponse is the response to a request that is refused as a whole: the error at its top
// level, or in each topic where Metadata has none. nil for a request that is never answered
// (Produce with acks=0).
func ErrorResponse(req kmsg.Request, err *kerr.Error) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.ProduceRequest:
		if r.Acks == 0 {
			return nil
		}
	case *kmsg.MetadataRequest:
		return metadataError(r, err)
	}
	resp := req.ResponseKind()
	if d, ok := resp.(interface{ Default() }); ok {
		d.Default()
	}
	resp.SetVersion(req.GetVersion())
	// Most answers have a code at the top, under this name; those that have one per thing asked
	// about are an empty list. It is no hot path: only requests that are refused whole come here.
	if f := reflect.ValueOf(resp).Elem().FieldByName("ErrorCode"); f.IsValid() && f.CanSet() {
		f.SetInt(int64(err.Code))
	}
	return resp
}

// metadataError answers each topic with the same error, since the answer has none for the whole.
func metadataError(r *kmsg.MetadataRequest, err *kerr.Error) kmsg.Response {
	resp := kmsg.NewPtrMetadataResponse()
	resp.SetVersion(r.Version)
	resp.ControllerID = -1
	for _, t := range r.Topics {
		m := kmsg.NewMetadataResponseTopic()
		m.Topic, m.ErrorCode = t.Topic, err.Code
		resp.Topics = append(resp.Topics, m)
	}
	return resp
}
