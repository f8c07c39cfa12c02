package broker

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"momus/configs"
)

func TestSettingsOfSecurityThatIsNotThereStopTheStart(t *testing.T) {
	for key, value := range map[string]string{
		"authorizer.class.name": "kafka.security.authorizer.AclAuthorizer",
		"":                      "", // nothing of the kind
	} {
		settings := map[string]string{"zookeeper.connect": "z:1", "inter.broker.listener.name": "PLAINTEXT", "listeners": "PLAINTEXT://localhost:0"}
		if key != "" {
			settings[key] = value
		}
		c, err := configs.New(settings)
		if err != nil {
			t.Fatal(key, err)
		}
		_, err = New(Options{Config: c, Logger: logrus.New()})
		if key == "" && err != nil || key != "" && (err == nil || !strings.Contains(err.Error(), value)) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}
