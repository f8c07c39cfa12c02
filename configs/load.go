package configs

import "strings"

func load(s Sources) (*Config, []Warning, error) {
	c := &Config{static: map[string]Setting{}}
	for _, o := range s.Overrides {
		k, v, _ := strings.Cut(o, "=")
		c.static[k] = Setting{Value: v, Origin: Origin{Kind: FromOverride}}
	}
	b := &Broker{}
	for i := range brokerKeys {
		k := &brokerKeys[i]
		field := k.broker(b)
		value, ok := k.Default, k.HasDefault
		if set, given := c.static[k.Name]; given {
			value, ok = set.Value, true
		}
		if !ok {
			storeNull(field)
			continue
		}
		v, err := k.parse(value)
		if err != nil {
			return nil, nil, err
		}
		store(field, v)
	}
	c.current.Store(&snapshot{broker: b, listeners: &Listeners{}})
	return c, nil, nil
}
