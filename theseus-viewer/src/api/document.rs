//! The description of the API, in `OpenAPI`.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, PathsBuilder,
};

use super::described;

const ABOUT: &str = "\
What the viewer shows, and, where it was started with --allow-changes, what it does.

Whoever may look at the viewer may use everything that changes nothing. Changes take the viewer's \
token: `Authorization: Bearer TOKEN`. What goes wrong is told as `{\"error\": …}`, with `help` where \
there is any. While cluster or store are out of reach the last known state is told, with the header \
`theseus-stale: true`.";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (mut paths, mut schemas) = (PathsBuilder::new(), Vec::new());
    for described in described() {
        let (of_route, items, _) = described.route;
        for (path, item) in items.paths {
            paths = paths.path(path, item);
        }
        schemas.extend(of_route);
    }
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The viewer's token, where it has one."))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("token", SecurityScheme::Http(token));
    let info = InfoBuilder::new()
        .title("Theseus viewer")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new().name("MIT OR Apache-2.0").build(),
        ));
    let document = OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        // None is needed on a viewer without a token.
        .security(Some([
            SecurityRequirement::new("token", Vec::<String>::new()),
            SecurityRequirement::default(),
        ]))
        .build();
    document
        .to_pretty_json()
        .expect("text, numbers and maps of them always become JSON")
});

/// `GET /api/v1/openapi.json`
pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
