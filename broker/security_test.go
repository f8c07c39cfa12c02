package broker

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"momus/configs"
)

func TestSettingsOfSecurityThatIsNotThereStopTheStart(t *testing.T) {
	for key, value := range map[string]string{
		"authorizer.class.name": "com.example.Authorizer",
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

func TestSettingsOfTheAuthorizer(t *testing.T) {
	start := func(setting string) error {
		settings := map[string]string{"zookeeper.connect": "z:1", "listeners": "PLAINTEXT://localhost:0", "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer"}
		key, value, _ := strings.Cut(setting, "=")
		settings[key] = value
		config, err := configs.New(settings)
		if err != nil {
			t.Fatal(setting, err)
		}
		_, err = New(Options{Config: config, Logger: logrus.New()})
		return err
	}
	for _, setting := range []string{
		"authorizer.class.name=kafka.security.authorizer.AclAuthorizer", "authorizer.class.name=kafka.security.auth.SimpleAclAuthorizer",
		"super.users=User:admin;User:CN=a,O=b", "allow.everyone.if.no.acl.found=True", "authorizer.zookeeper.session.timeout.ms=6000",
	} {
		if err := start(setting); err != nil {
			t.Errorf("%s: %v", setting, err)
		}
	}
	for setting, refused := range map[string]string{
		"super.users=admin":                             "expected a string in format principalType:principalName but got admin",
		"allow.everyone.if.no.acl.found=yes":            "neither true nor false",
		"authorizer.zookeeper.session.timeout.ms=6s":    "is not a number of 1 or more",
		"authorizer.zookeeper.max.in.flight.requests=0": "is not a number of 1 or more",
	} {
		if err := start(setting); err == nil || !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	config, err := configs.New(map[string]string{"zookeeper.connect": "z:1", "authorizer.zookeeper.url": "acls:2/x", "authorizer.zookeeper.session.timeout.ms": "7000", "zookeeper.connection.timeout.ms": "9000"})
	if err != nil {
		t.Fatal(err)
	}
	if o, err := authorizerZooKeeper(config); err != nil || o.Connect != "acls:2/x" || o.SessionTimeout.Seconds() != 7 || o.ConnectTimeout.Seconds() != 9 {
		t.Errorf("%+v %v", o, err)
	}
}
