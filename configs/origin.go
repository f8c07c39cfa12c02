package configs

import (
	"path/filepath"
	"strconv"
)

// String names the place for people: a file and line, a variable, an option.
func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		s := filepath.Base(o.Name)
		if o.Line > 0 {
			s += ":" + strconv.Itoa(o.Line)
		}
		return s
	case FromEnvironment:
		return o.Name
	case FromImage:
		return "preset of " + o.Name
	// The option alone: there is only one place like that.
	case FromOverride:
		return "--override"
	case FromDynamicDefault:
		return "/config/brokers/<default>"
	case FromDynamicBroker:
		return "/config/brokers"
	}
	return "default"
}

// SettingError is a setting that keeps the broker from starting. Its text is for people: what is
// wrong, what is valid, where.
type SettingError struct {
	Key    string
	Origin Origin
	Text   string
}

// Error names the key and where the person has set it.
func (e *SettingError) Error() string {
	s := e.Text
	if e.Key != "" {
		s = e.Key + ": " + s
	}
	if e.Origin.Kind != FromDefault {
		s += " (" + e.Origin.String() + ")"
	}
	return s
}

// String is the warning as one line.
func (w Warning) String() string {
	return (&SettingError{Key: w.Key, Origin: w.Origin, Text: w.Text}).Error()
}

// explain turns Kafka's text about a value into one for the person at the terminal.
func explain(k *Key, set Setting, err *ValueError) *SettingError {
	value := strconv.Quote(err.Value)
	// The value of a secret is not repeated, wrong or not.
	if k.Sensitive() {
		value = "(hidden)"
	}
	text := "invalid value " + value
	switch {
	case err.Valid != "":
		text += "; valid is " + err.Valid
	case err.Reason != "":
		text += ": " + err.Reason
	}
	return &SettingError{Key: k.Name, Origin: set.Origin, Text: text}
}
