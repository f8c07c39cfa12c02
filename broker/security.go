package broker

import (
	"fmt"

	"momus/configs"
	"momus/internal/model"
)

// checkSecurity refuses settings that promise a protection that this version cannot give. To ignore them would open what they close.
func checkSecurity(c *configs.Config) error {
	for _, e := range c.Listeners().Bind {
		if e.Protocol != model.Plaintext {
			return fmt.Errorf("listener %s uses %s, which this version cannot serve yet; use PLAINTEXT (listener.security.protocol.map)", e.Listener, e.Protocol)
		}
	}
	if class := c.Broker().AuthorizerClassName; class != "" {
		return fmt.Errorf("authorizer.class.name is %s, but this version has no authorizer yet: every client may do everything; remove the key to start all the same", class)
	}
	return nil
}
