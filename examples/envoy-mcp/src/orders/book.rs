//! Orders and customers, in memory, new with every start.

use std::collections::BTreeMap;

use serde::Serialize;

/// One order; amounts are whole euros.
#[derive(Clone, Serialize)]
pub(super) struct Order {
    id: i64,
    customer: i64,
    total: i64,
    refunded: i64,
    status: &'static str,
}

/// A customer.
#[derive(Clone, Serialize)]
pub(super) struct Customer {
    id: i64,
    name: &'static str,
}

/// The order book.
pub struct Book {
    orders: BTreeMap<i64, Order>,
    customers: BTreeMap<i64, Customer>,
}

impl Default for Book {
    fn default() -> Self {
        let order = |id, customer, total| {
            (id, Order { id, customer, total, refunded: 0, status: "delivered" })
        };
        let customer = |id, name| (id, Customer { id, name });
        Self {
            orders: [order(1042, 7, 5000), order(1043, 7, 80), order(1044, 8, 240)].into(),
            customers: [customer(7, "Northwind Traders"), customer(8, "Fabrikam")].into(),
        }
    }
}

impl Book {
    pub(super) fn order(&self, id: i64) -> Result<Order, String> {
        self.orders.get(&id).cloned().ok_or_else(|| format!("there is no order {id}"))
    }

    pub(super) fn orders_of(&self, customer: i64) -> Vec<Order> {
        self.orders.values().filter(|order| order.customer == customer).cloned().collect()
    }

    pub(super) fn refund(&mut self, id: i64, amount: i64) -> Result<Order, String> {
        let order = self.orders.get_mut(&id).ok_or_else(|| format!("there is no order {id}"))?;
        let left = order.total - order.refunded;
        if !(1..=left).contains(&amount) {
            return Err(format!("between 1 and {left} can be refunded"));
        }
        order.refunded += amount;
        Ok(order.clone())
    }

    pub(super) fn cancel(&mut self, id: i64) -> Result<Order, String> {
        let order = self.orders.get_mut(&id).ok_or_else(|| format!("there is no order {id}"))?;
        order.status = "cancelled";
        Ok(order.clone())
    }

    pub(super) fn delete_customer(&mut self, id: i64) -> Result<String, String> {
        let gone =
            self.customers.remove(&id).ok_or_else(|| format!("there is no customer {id}"))?;
        self.orders.retain(|_, order| order.customer != id);
        Ok(format!("{} and all their orders are deleted", gone.name))
    }

    pub(super) fn customers(&self) -> Vec<Customer> {
        self.customers.values().cloned().collect()
    }
}
