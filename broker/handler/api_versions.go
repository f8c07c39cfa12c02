package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/broker/protocol"
	"momus/internal/kerr"
)

// apiVersions answers ApiVersions, v0-v3: v1 adds the throttle time, v3 (KIP-511) the client's
// software name and version in the request, compact encoding in both bodies, but not in the
// response header. No rights are asked. Errors, at the top: INVALID_REQUEST for an unfit software
// name or version.
func apiVersions(_ context.Context, e *Env, r *Request) Reply {
	return Respond(e.versions(r.Body.(*kmsg.ApiVersionsRequest), r.session, e.transactionsRefused()))
}

// versions is the answer to a valid request, also before the client is authenticated. old leaves
// out what an inter.broker.protocol.version before 0.11 does not allow: Kafka's authenticator, which
// answers strangers, does not look at that key and shows everything.
func (e *Env) versions(req *kmsg.ApiVersionsRequest, s *session, old bool) *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = req.Version
	if req.Version >= 3 {
		if !validSoftware(req.ClientSoftwareName) || !validSoftware(req.ClientSoftwareVersion) {
			resp.ErrorCode = kerr.InvalidRequest.Code
			return resp
		}
		s.software = [2]string{req.ClientSoftwareName, req.ClientSoftwareVersion}
	}
	resp.ApiKeys = make([]kmsg.ApiVersionsResponseApiKey, 0, len(e.apis))
	for _, a := range e.apis {
		if old && a.Key >= protocol.AddPartitionsToTxn && a.Key <= protocol.TxnOffsetCommit {
			continue // transactions need the record format of 0.11
		}
		resp.ApiKeys = append(resp.ApiKeys, apiKey(a))
	}
	return resp
}

// unsupportedAPIVersions answers a version of ApiVersions that does not exist, in the body format
// of v0: what the client needs to ask again.
func unsupportedAPIVersions() *kmsg.ApiVersionsResponse {
	info, _ := protocol.Lookup(protocol.ApiVersions)
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = 0
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{apiKey(info)}
	return resp
}

// apiKey is a row of the answer; the lowest version is 0 for every API of 2.5.
func apiKey(a protocol.API) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MaxVersion = a.Key, a.Max
	return k
}

// validSoftware tests for [a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?
func validSoftware(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != ""
}
