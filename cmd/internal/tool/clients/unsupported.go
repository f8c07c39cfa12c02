package clients

import (
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kmsg"

	"momus/cmd/internal/tool/java"
)

// unsupported gives the error of a broker that does not know an API its class and text in Java;
// others stay as they are.
func unsupported(err error, req kmsg.Request) error {
	// The library has no error values for these two.
	if err == nil || !strings.HasPrefix(err.Error(), "broker is too old") && !strings.HasPrefix(err.Error(), "request key is unknown") {
		return err
	}
	name := ""
	if known := KnownAPIs(); int(req.Key()) < len(known) {
		name = known[req.Key()].Name
	}
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			// ApiKeys prints its constants: OFFSET_DELETE for OffsetDelete.
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return &java.Error{Class: java.ErrorsPackage + "UnsupportedVersionException", Text: "The broker does not support " + b.String()}
}
