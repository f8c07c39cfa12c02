//go:build console

package window

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"momus/integration/testkit"
)

// showOutside opens the page of momus console for a cluster and reads what it can know.
func showOutside(t *testing.T, bootstrap, zookeeper string, brokers int) {
	t.Helper()
	admin := testkit.Admin(t, bootstrap)
	if _, err := admin.CreateTopic(t.Context(), 2, int16(brokers), nil, "orders"); err != nil {
		t.Fatal(err)
	}
	consume(t, bootstrap)
	p := testkit.Start(t, "console", testkit.Spec{Args: []string{testkit.Binary(t), "console", "--bootstrap-server", bootstrap, "--zookeeper", zookeeper, "--port", "0"}})
	p.WaitOutput(t, "The page is at", 20*time.Second)
	b := newBrowser(t, regexp.MustCompile(`http://localhost:\d+`).FindString(p.Output()))
	const soon = 15 * time.Second
	for id := 1; id <= brokers; id++ {
		b.wait(soon, "section.house", fmt.Sprintf(`^Broker %d\b`, id))
	}
	b.wait(soon, "section.house", "controller")
	b.wait(soon, "a.chip", "^orders-0, leader$")
	b.look("outside-cluster")
	eval[bool](b, `document.querySelector('a.chip[href="#/partition/orders/0"]').click() ?? true`)
	b.wait(soon, "td", "^leader$")
	b.run(chromedp.Sleep(100 * time.Millisecond))
	b.open("Groups")
	b.wait(soon, "section h2", "^billing$")
	b.wait(soon, "td", "^till$")
	b.look("outside-groups")
	b.open("ZooKeeper")
	b.wait(soon, "pre", "brokerid")
	b.open("Configs")
	b.wait(soon, "th[scope=row]", "^log.dirs$")
	b.open("Transactions")
	b.wait(soon, "main p", "nothing can be seen from outside")
	b.open("Quotas")
	b.wait(soon, "main p", "^No quota is set")
	b.wait(soon, "main p", "cannot be seen from outside")
	b.open("Health")
	b.wait(soon, "main p", "Nothing to complain about")
	for _, name := range eval[[]string](b, "("+names+")('button')") {
		if name != "" && regexp.MustCompile(`^(Stop|Start)`).MatchString(name) {
			t.Errorf("there is a button %q", name)
		}
	}
}

func TestConsoleShowsAClusterFromOutside(t *testing.T) {
	c := testkit.Quickstart(t, 3, "--console-port", "-1")
	showOutside(t, c.Bootstrap, c.ZooKeeper, 3)
}
