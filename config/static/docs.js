// Starts the viewer of the API. It would fetch its maker's logo: images come from here alone.
(() => {
  const images = HTMLImageElement.prototype, { setAttribute } = images;
  const source = Object.getOwnPropertyDescriptor(images, "src");
  const ours = (address) => new URL(address, location).origin === location.origin;
  images.setAttribute = function (name, value) {
    if (name !== "src" || ours(value)) setAttribute.call(this, name, value);
  };
  Object.defineProperty(images, "src", { ...source, set(value) { if (ours(value)) source.set.call(this, value); } });
  const place = document.getElementById("redoc-container");
  Redoc.init(place.dataset.schema, JSON.parse(place.dataset.settings), place);
})();
