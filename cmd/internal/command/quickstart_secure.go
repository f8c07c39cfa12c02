package command

import (
	"fmt"
	"path/filepath"
	"time"

	"momus/cmd/internal/secured"
)

// securityDir is where a secured quickstart keeps its secrets, in its data directory.
const securityDir = "security"

// openSecurity reads or makes the secrets of a secured quickstart. Data that was secured is not
// opened without them: the brokers could not read their znodes.
func (o *quickstartOptions) openSecurity() (err error) {
	dir := filepath.Join(o.dir, securityDir)
	if !o.secure {
		if secured.Exists(dir) {
			return fmt.Errorf("the data in %s is that of a secured cluster: start it with --secure, or begin anew with --fresh", o.dir)
		}
		return nil
	}
	o.secured, err = secured.Open(dir, time.Now)
	return err
}

// protocol is that of the brokers' listener.
func (o *quickstartOptions) protocol() string {
	if o.secured != nil {
		return secured.Protocol
	}
	return "PLAINTEXT"
}

// security are the settings that a secured quickstart adds.
func (o *quickstartOptions) security() []string {
	if o.secured == nil {
		return nil
	}
	return o.secured.Settings()
}

// environment is what the brokers of a secured quickstart find in theirs.
func (o *quickstartOptions) environment() []string {
	if o.secured == nil {
		return nil
	}
	return o.secured.Environment()
}
