package command

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"
)

// kafkaVersion is the release that the broker is compatible with.
const kafkaVersion = "2.5.0"

// versionInfo is what momus version --json prints. Fields are only ever added.
type versionInfo struct {
	Version string `json:"version"` // "dev" for a build that was told none
	Commit  string `json:"commit"`  // of the source, in full; "" when the build did not know it
	Kafka   string `json:"kafka"`   // the release whose place this program takes
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// version puts together what the build knows: releases are linked with version and commit, and of
// others Go itself keeps the commit.
func (e *Env) version() versionInfo {
	v := versionInfo{Version: e.Version, Commit: e.Commit, Kafka: kafkaVersion, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && v.Commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" { // go install and a plain go build know it
				v.Commit = s.Value
			}
		}
	}
	return v
}

// runVersion prints it in one line, or as JSON.
func runVersion(_ context.Context, e *Env, args []string) error {
	flags := pflag.NewFlagSet("version", pflag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print JSON, for programs")
	if err := parse(e, "version", flags, args); err != nil {
		return err
	}
	v := e.version()
	if *asJSON {
		return json.NewEncoder(e.Stdout).Encode(v)
	}
	fmt.Fprintf(e.Stdout, "momus %s, compatible with Apache Kafka %s (%s, %s/%s)\n", v.Version, v.Kafka, v.Go, v.OS, v.Arch)
	return nil
}
