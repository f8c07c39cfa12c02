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

// Begin reads the words of a call into the options of its tool, which hints and usage are about
// from here on, answers --help, --version and no words at all, and checks what was given, in the
// order of Kafka's tools.
func (c *Call) Begin(o *options.Options) error {
	c.Options = o
	if err := o.ReadArgs(c.Args); err != nil {
		return err
	}
	if err := o.Help(); err != nil {
		return err
	}
	if o.WantsVersion() {
		c.Println(Version)
		return Exit(0)
	}
	return o.CheckArgs()
}
