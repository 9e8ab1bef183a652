// What a reader sees of the page: the texts whose contrast is too low, with their ratio.
const channel = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const parse = (colour) => {
  const parts = colour.match(/[\d.]+/g).map(Number);
  return {rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1};
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((c) => channel(c / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ratio = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.alpha === 1) return colour.rgb;
    if (colour.alpha !== 0) throw new Error("half transparent ground");
  }
  return [255, 255, 255];
};
const drawnGround = (element) => {
  // In a picture: the last shape before the text that lies under its middle.
  const box = element.getBoundingClientRect();
  const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
  let found = null;
  for (const shape of element.ownerSVGElement.querySelectorAll("rect")) {
    if (!(shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
    const at = shape.getBoundingClientRect();
    if (at.left <= x && x <= at.right && at.top <= y && y <= at.bottom) found = shape;
  }
  return found ? parse(getComputedStyle(found).fill).rgb : ground(element.ownerSVGElement);
};
const poor = [];
let looked = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  if (element.tagName === "title") continue;
  const picture = element.ownerSVGElement;
  const style = getComputedStyle(element);
  const front = parse(picture ? style.fill : style.color).rgb;
  const found = ratio(front, picture ? drawnGround(element) : ground(element));
  looked += 1;
  if (found < 4.5) poor.push(`${found.toFixed(2)}: ${walker.currentNode.data.slice(0, 60)}`);
}
return {looked, poor: poor.slice(0, 10)};
