//! The tools, as an MCP client finds them.

use std::sync::{Arc, Mutex, MutexGuard};

use rmcp::ServerHandler;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::schemars::{self, JsonSchema};
use rmcp::{tool, tool_handler, tool_router};
use serde::{Deserialize, Serialize};

use super::Book;

/// The server's handler: one per session, all over one book.
#[derive(Clone)]
pub(super) struct Orders {
    book: Arc<Mutex<Book>>,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "schemars")]
struct ById {
    /// Number of the order or customer.
    id: i64,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "schemars")]
struct OfCustomer {
    /// Number of the customer.
    customer: i64,
}

#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "schemars")]
struct Refund {
    /// Number of the order.
    id: i64,
    /// Whole euros.
    amount: i64,
    /// What to tell the customer.
    note: Option<String>,
}

impl Orders {
    pub(super) fn new(book: Arc<Mutex<Book>>) -> Self {
        Self { book }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no holder panics")
    }
}

#[tool_router]
impl Orders {
    #[tool(description = "Shows one order")]
    fn get_order(&self, Parameters(order): Parameters<ById>) -> Result<String, String> {
        self.book().order(order.id).map(|order| json(&order))
    }

    #[tool(description = "Lists the orders of a customer")]
    fn list_orders(&self, Parameters(of): Parameters<OfCustomer>) -> String {
        json(&self.book().orders_of(of.customer))
    }

    #[tool(description = "Pays money back for an order")]
    fn refund(&self, Parameters(refund): Parameters<Refund>) -> Result<String, String> {
        let order = self.book().refund(refund.id, refund.amount)?;
        let note = refund.note.map(|note| format!(" ({note})")).unwrap_or_default();
        Ok(format!("refunded {} for order {}{note}: {}", refund.amount, refund.id, json(&order)))
    }

    #[tool(description = "Cancels an order")]
    fn cancel_order(&self, Parameters(order): Parameters<ById>) -> Result<String, String> {
        self.book().cancel(order.id).map(|order| json(&order))
    }

    #[tool(description = "Deletes a customer and everything they ordered")]
    fn delete_customer(&self, Parameters(customer): Parameters<ById>) -> Result<String, String> {
        self.book().delete_customer(customer.id)
    }

    #[tool(description = "Exports all customers")]
    fn export_customers(&self) -> String {
        json(&self.book().customers())
    }
}

#[tool_handler]
impl ServerHandler for Orders {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("orders-mcp", env!("CARGO_PKG_VERSION")))
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data has a JSON form")
}
