//! Where the hub's cache is and how to reach the hub, from the environment variables of the Python library.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::{fmt, fs};

use super::expand::{expanded, home};
use crate::Error;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Whether the network may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAccess {
    /// It may.
    Allowed,
    /// `HF_HUB_OFFLINE` is set.
    Forbidden,
}

/// The settings of a download.
///
/// hf-hub itself reads only `HF_HOME` and `HF_ENDPOINT`, and panics without a home folder. So all settings
/// are determined here and passed to it.
#[derive(Clone)]
pub struct Settings {
    /// The folder that holds `models--OWNER--NAME` and `datasets--OWNER--NAME`; an absolute path.
    pub cache: PathBuf,
    /// The hub's address, without a `/` at its end.
    pub endpoint: String,
    /// The access token that requests are sent with. `Debug` does not print it.
    pub token: Option<String>,
    /// Whether requests may be made.
    pub network: NetworkAccess,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is printed for debugging ends up in logs.
        let token = self.token.as_ref().map(|_| "hidden");
        f.debug_struct("Settings")
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &token)
            .field("network", &self.network)
            .finish()
    }
}

impl Settings {
    /// Reads the environment variables of the Python library. `HF_HOME` is by default
    /// `XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface`. The cache is `HF_HUB_CACHE` (or its older
    /// name `HUGGINGFACE_HUB_CACHE`), else `HF_HOME/hub`. `~` and `$VARIABLES` in these paths are replaced.
    /// The token is `HF_TOKEN`, else the content of the file `HF_TOKEN_PATH`, else that of `HF_HOME/token`,
    /// where `hf auth login` writes it. The hub's address is `HF_ENDPOINT`, else `https://huggingface.co`. If
    /// `HF_HUB_OFFLINE` is `1`, `on`, `yes` or `true`, only the cache is looked at.
    ///
    /// # Errors
    /// If there is no home folder to hold downloads.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| env::var_os(name))
    }

    /// [`from_env`](Self::from_env), where `value` looks up a variable; an empty one counts as unset.
    pub(crate) fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let given = |name: &str| value(name).filter(|value| !value.to_string_lossy().trim().is_empty());
        let variable = |name: &str| given(name)?.into_string().ok();
        let path = |name: &str| given(name).map(|path| PathBuf::from(expanded(path, &value)));
        let dot_cache = || Some(PathBuf::from(home(&given)?).join(".cache"));
        let hf_home =
            path("HF_HOME").or_else(|| Some(path("XDG_CACHE_HOME").or_else(dot_cache)?.join("huggingface")));
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].into_iter().find_map(path);
        let cache = cache.or_else(|| Some(hf_home.as_ref()?.join("hub"))).ok_or_else(|| {
            let message = "there is no home folder to hold downloads; set HF_HOME to a folder";
            Error::Invalid(message.to_owned())
        })?;
        // The client makes links relative to each other and can do that with absolute paths only.
        let cache = std::path::absolute(&cache).map_err(|cause| Error::io("find", &cache, cause))?;
        let token = variable("HF_TOKEN").or_else(|| {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(hf_home?.join("token")))?;
            fs::read_to_string(file).ok()
        });
        let offline = variable("HF_HUB_OFFLINE").is_some_and(|value| {
            ["1", "on", "yes", "true"].contains(&value.trim().to_ascii_lowercase().as_str())
        });
        Ok(Self {
            cache,
            endpoint: variable("HF_ENDPOINT")
                .map_or(DEFAULT_ENDPOINT.to_owned(), |url| url.trim().trim_end_matches('/').to_owned()),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            network: if offline { NetworkAccess::Forbidden } else { NetworkAccess::Allowed },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into());
        Settings::from_variables(find).unwrap()
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (variables, cache) in [
            (vec![("HOME", "/h")], "/h/.cache/huggingface/hub"),
            (vec![("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (vec![("HOME", "/h"), ("HF_HOME", "/f")], "/f/hub"),
            (vec![("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")], "/c"),
            (vec![("HOME", "/h"), ("HF_HOME", "")], "/h/.cache/huggingface/hub"),
            (vec![("HOME", "/h"), ("HF_HOME", "~/f")], "/h/f/hub"),
            (vec![("HOME", "/h"), ("HF_HOME", "$HOME/f")], "/h/f/hub"),
            (vec![("HOME", "/h"), ("XDG_CACHE_HOME", "~/x")], "/h/x/huggingface/hub"),
            (vec![("HOME", "/h"), ("HF_HUB_CACHE", "${HOME}/c")], "/h/c"),
            (vec![("HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "~/c")], "/h/c"),
        ] {
            assert_eq!(settings(&variables).cache, PathBuf::from(cache), "{variables:?}");
        }
        let message = Settings::from_variables(|_| None).unwrap_err().to_string();
        assert!(message.contains("HF_HOME"), "{message}");
    }

    #[test]
    fn endpoint_token_and_offline_mode_are_read() {
        let plain = settings(&[("HF_HOME", "/nonexistent")]);
        assert_eq!((plain.endpoint.as_str(), plain.token), ("https://huggingface.co", None));
        assert_eq!(plain.network, NetworkAccess::Allowed);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "from-file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let all =
            settings(&[("HF_HOME", home), ("HF_ENDPOINT", "http://mirror/"), ("HF_HUB_OFFLINE", "TRUE")]);
        assert_eq!((all.endpoint.as_str(), all.token.as_deref()), ("http://mirror", Some("from-file")));
        assert_eq!(all.network, NetworkAccess::Forbidden);
        let elsewhere = settings(&[("HF_HOME", "/nonexistent"), ("H", home), ("HF_TOKEN_PATH", "$H/token")]);
        assert_eq!(elsewhere.token.as_deref(), Some("from-file"));
        let named = settings(&[("HF_HOME", home), ("HF_TOKEN", "named"), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!((named.token.as_deref(), named.network), (Some("named"), NetworkAccess::Allowed));
    }
}
