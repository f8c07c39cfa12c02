package core

import (
	"momus/cmd/internal/tool/options"
)

// BeginArguments reads the words of a call; an exit means that everything was said.
func (c *Call) BeginArguments(a *options.Argparse) error {
	if len(c.Args) == 0 {
		c.Printf("%s", a.HelpText())
		return Exit(0)
	}
	if text := a.Read(c.Args); text != "" {
		if text == "help" {
			c.Printf("%s", a.HelpText())
			return Exit(1)
		}
		c.Errorf("%s%s: error: %s\n", a.Usage, a.Name, text)
		return Exit(1)
	}
	return nil
}

// Version is what --version prints: scripts compare it.
const Version = "2.5.0 (Commit:66563e712b0b9f84)"

// Begin parses the words of a call and treats --help, --version and no words at all as Kafka's
// tools do. empty is what is said without words, "" for what --help says.
func (c *Call) Begin(o *options.Options, empty string) error {
	if err := c.Parse(o); err != nil {
		return err
	}
	return c.HelpOrVersion(o, empty)
}

// Parse reads the words of a call into the options of its tool, which hints and usage are about
// from here on.
func (c *Call) Parse(o *options.Options) error {
	c.Options = o
	return o.Parse(c.Args)
}

// HelpOrVersion answers --help, --version and no words at all, as Begin does; for tools that look
// at their words first.
func (c *Call) HelpOrVersion(o *options.Options, empty string) error {
	if o.Empty && empty != "" {
		return options.Misuse("%s", empty)
	}
	if o.Empty || o.Has("help") {
		return options.Misuse("%s", o.Purpose)
	}
	if o.Has("version") {
		c.Println(Version)
		return Exit(0)
	}
	return nil
}
