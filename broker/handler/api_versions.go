package handler

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// apiVersions answers ApiVersions, v0-v3.
func apiVersions(ctx context.Context, e *Env, r *Request) Reply {
	return Respond(kmsg.NewPtrApiVersionsResponse())
}
