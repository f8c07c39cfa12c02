package command

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"momus/configs"
)

// runHealthcheck asks /healthz of a broker on this machine. It exists for images without a shell.
func runHealthcheck(ctx context.Context, e *Env, args []string) error {
	port := strconv.Itoa(configs.DefaultHTTPPort)
	for _, v := range e.Environ {
		if s, ok := strings.CutPrefix(v, "MOMUS_HTTP_PORT="); ok && s != "" {
			port = s
		}
	}
	flags := pflag.NewFlagSet("healthcheck", pflag.ContinueOnError)
	url := flags.String("url", "http://127.0.0.1:"+port+"/healthz", "where to ask")
	timeout := flags.Duration("timeout", 5*time.Second, "how long to wait for the answer")
	if err := parse(e, "healthcheck", flags, args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	text := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: %s: %s", response.Status, text)
	}
	fmt.Fprintln(e.Stdout, text)
	return nil
}
