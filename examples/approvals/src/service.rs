//! The service: everything its two routers share.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use axum::Router;

use crate::config::Config;
use crate::login::Provider;
use crate::signing::Signer;
use crate::store::{Store, Trouble};
use crate::{gateway, people, webhook};

/// Seconds since 1970; tests have clocks of their own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The service.
pub struct Service {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) signer: Signer,
    pub(crate) provider: Provider,
    clock: Clock,
}

impl Service {
    /// Opens database and key, and makes what is not there yet.
    ///
    /// # Errors
    /// With the file and what is wrong with it.
    pub fn open(config: Config, clock: Clock) -> Result<Arc<Self>, String> {
        config.check()?;
        make_private_folder(&config.data)?;
        let database = config.data.join("approvals.sqlite");
        let store = Store::open(&database, config.limits.clone(), config.webhook.is_some())
            .map_err(|trouble| format!("{}: {trouble}", database.display()))?;
        let signer = Signer::open(&config.data, config.issuer.clone())?;
        let provider = Provider::new(&config)?;
        Ok(Arc::new(Self { config, store, signer, provider, clock }))
    }

    /// What people reach.
    pub fn people(self: &Arc<Self>) -> Router {
        people::router(Arc::clone(self))
    }

    /// What gateways reach, and nobody else.
    pub fn gateway(self: &Arc<Self>) -> Router {
        gateway::router(Arc::clone(self))
    }

    /// Tells the webhook of new requests, for as long as the runtime lives; at once, if there is none.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub async fn tell_webhook(self: Arc<Self>) -> Result<(), String> {
        webhook::run(&self).await
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }

    /// Runs what waits for the disk where it keeps nobody else waiting.
    pub(crate) async fn stored<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let service = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&service)).await;
        done.map_err(|e| Trouble::from(e.to_string()))?
    }
}

fn make_private_folder(folder: &Path) -> Result<(), String> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|e| format!("{}: {e}", folder.display()))
}
