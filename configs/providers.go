package configs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

const fileProvider = "org.apache.kafka.common.config.provider.FileConfigProvider"

// resolveProviders replaces ${provider:path:key} in values when config.providers names providers
// (KIP-297, KIP-421). The one provider that exists is Kafka's own for properties files.
func resolveProviders(settings map[string]Setting) []error {
	list, ok := settings["config.providers"]
	if !ok {
		return nil
	}
	var errs []error
	known := map[string]bool{}
	for _, name := range splitList(list.Value) {
		class := settings["config.providers."+name+".class"]
		if class.Value != fileProvider {
			errs = append(errs, &SettingError{Key: "config.providers." + name + ".class", Origin: class.Origin,
				Text: fmt.Sprintf("provider %q is not available; valid is %s", class.Value, fileProvider)})
			continue
		}
		known[name] = true
	}
	files := map[string]map[string]string{}
	for k, set := range settings {
		// Providers are not configured by themselves.
		if strings.HasPrefix(k, "config.providers") {
			continue
		}
		value := placeholder.ReplaceAllStringFunc(set.Value, func(s string) string {
			m := placeholder.FindStringSubmatch(s)
			// Somebody else's ${…}, as in a JAAS text, stays.
			if !known[m[1]] {
				return s
			}
			content, err := providerFile(files, m[3])
			if err != nil {
				errs = append(errs, &SettingError{Key: k, Origin: set.Origin, Text: err.Error()})
				return s
			}
			if v, ok := content[m[4]]; ok {
				return v
			}
			// An unknown key stays as it is written, as in ConfigTransformer.
			return s
		})
		settings[k] = Setting{Value: value, Origin: set.Origin}
	}
	return errs
}

// providerFile reads a file that ${file:…} names, once for all of its keys.
func providerFile(files map[string]map[string]string, path string) (map[string]string, error) {
	if content, ok := files[path]; ok {
		return content, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := parseProperties(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	content := map[string]string{}
	for _, s := range list {
		content[s.key] = s.value
	}
	files[path] = content
	return content, nil
}
