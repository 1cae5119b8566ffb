// @ts-check
/**
 * The texts of the page in Vietnamese. The field's names stay English, as in the tutorials, and are explained once.
 */

/** @type {import("./texts.js").Texts} */
export const VIETNAMESE = {
  // The page
  title: "DCGAN Studio: những ảnh nằm giữa hai seed",
  intro: "Mọi ảnh ở đây do một Generator (bộ sinh) vẽ ngay trong trình duyệt của bạn. Không có gì được gửi đi.",
  loading: "Đang đọc trọng số.",
  model: "Mô hình",
  views: "Khung nhìn",
  walk: "Đường đi",
  timeMachine: "Cỗ máy thời gian",
  map: "Bản đồ seed",
  quiz: "Ảnh nào là thật?",
  pageFailed: "Trang đã dừng vì gặp lỗi ({reason}). Hãy tải lại trang.",
  browserOld: "Trình duyệt này quá cũ để mở trang. Hãy dùng trình duyệt mới hơn.",
  manifestMissing: "Không tải được tệp manifest.json (HTTP {status}). Hãy lấy lại trang hoặc tạo trang mới.",
  manifestUnreachable: "Không đọc được tệp manifest.json từ máy chủ. Hãy kiểm tra kết nối rồi tải lại trang.",
  manifestNotJson: "Danh sách mô hình của trang bị hỏng: nội dung không phải JSON. Hãy lấy lại trang hoặc tạo trang mới.",
  manifestDamaged: "Danh sách mô hình của trang bị hỏng tại {place}. Hãy lấy lại trang hoặc tạo trang mới.",
  weightsOfModel: "{name}, trọng số {id}, bước {step}",

  // Walk
  walkHint: "Hãy kéo ảnh, di chuyển thanh trượt hoặc dùng các phím mũi tên. Mỗi vị trí giữa A và B là một ảnh.",
  position: "Vị trí t",
  positionValue: "t = {t}",
  seedA: "Seed A",
  seedB: "Seed B",
  dice: "Seed ngẫu nhiên mới",
  path: "Kiểu đường đi",
  slerp: "slerp: quay với tốc độ không đổi",
  lerp: "lerp: đường thẳng",
  frames: "Số ảnh",
  keys: "Các seed tiếp theo",
  keysHint: "Tối đa {count} seed sau B, ví dụ 5, 99",
  loop: "Quay lại A",
  labels: "Nhãn",
  labelsHint: "Nhãn từ 0 đến {last} tại A, tại B và tại mỗi seed tiếp theo, ví dụ 0, {last}",
  labelsHintNames: "Lớp tại A, tại B và tại mỗi seed tiếp theo, cách nhau bằng dấu phẩy. Mô hình này có: {names}",
  labelsHintMore:
    "Lớp tại A, tại B và tại mỗi seed tiếp theo, cách nhau bằng dấu phẩy. Mô hình này có: {names} và {more} lớp khác",
  psi: "Truncation psi (cắt bớt)",
  psiHint:
    "Khi psi bằng 1, mỗi latent vector giữ nguyên. Giá trị nhỏ hơn kéo các latent vector về giữa, nên ảnh trông quen thuộc hơn và giống nhau hơn. Liên kết không lưu psi, và các khung nhìn khác không dùng nó.",
  play: "Phát",
  pause: "Tạm dừng",
  strip: "Mọi ảnh trên đường đi",
  stripHint: "Chọn một ảnh để đến đó.",
  copyLink: "Sao chép liên kết",
  copied: "Đã sao chép liên kết.",
  copyByHand: "Hãy sao chép liên kết này: {link}",
  saveStrip: "Lưu dải ảnh (PNG)",
  saveAnimation: "Lưu ảnh động (GIF)",
  stripLarge: "Trình duyệt không vẽ được ảnh lớn như vậy. Hãy dùng ít ảnh hơn.",
  imageAt: "Ảnh được sinh ra tại t = {t} giữa seed {a} và seed {b}",
  stripOf: "{count} ảnh được sinh ra từ seed {a} đến seed {b}",
  stripOfLatents: "{count} ảnh được sinh ra từ A đến B, trong đó có một đầu là latent vector mà không seed nào cho ra",

  // Verdicts
  sameWeights: "Đây đúng là trọng số của liên kết, và trình duyệt của bạn vẽ ảnh.",
  samePixels: "Đây đúng là trọng số của liên kết, và trình duyệt của bạn vẽ ảnh. Mọi pixel đều giống như tác giả đã thấy.",
  sameWeightsHalf:
    "Đây đúng là trọng số của liên kết, ở dạng half precision (16 bit), và trình duyệt của bạn vẽ ảnh. Pixel có thể lệch một hoặc hai mức xám.",
  otherWeights: "Liên kết được tạo với trọng số khác, {id}. Trọng số ở đây là {mine}, nên ảnh sẽ khác.",
  unknownModel: "Trang không có mô hình {model}, nên {name} được hiển thị.",

  // Notes about links
  linkMisses: "Liên kết không có {key}, nên {usual} được dùng.",
  linkWhole: "{key}={value} không phải số nguyên trong {low}..{high}, nên {usual} được dùng.",
  linkNumber: "{key}={value} không phải là số, nên {usual} được dùng.",
  linkFraction: "{key}={value} không phải là số trong 0..1, nên {usual} được dùng.",
  linkOption: "{key}={value} không thuộc các giá trị {options}, nên {usual} được dùng.",
  linkName: "{key}={value} không phải tên của một lần chạy, nên {usual} được dùng.",
  linkVersion: "{key}={value} không phải {usual}, phiên bản liên kết mà trang này biết, nên {usual} được dùng.",
  linkWeights: "{key}={value} không phải trọng số có trong câu đố này, nên {usual} được dùng.",
  linkNoWeights: "{key}={value} không phải trọng số có trong câu đố này, nên bị bỏ qua.",
  linkSnapshot: "{key}={value} không phải snapshot (bản lưu) của trang này, nên bị bỏ qua.",
  linkWholes: "{key}={value} không phải danh sách có tối đa {most} số nguyên trong 0..{high}, nên bị bỏ qua.",
  linkHex: "{key}={value} không phải 12 chữ số thập lục phân, nên bị bỏ qua.",
  linkLatent: "{key}={value} không phải latent vector có tối đa {most} số float16 ở dạng base64, nên bị bỏ qua.",
  linkSwitch: "{key}={value} không phải 1, nên bị bỏ qua.",
  linkUnknown: "Liên kết có những khóa mà trang không biết, nên chúng bị bỏ qua: {keys}.",
  latentIgnored: "{key} có {count} số, còn mô hình này cần {size} số, nên seed được dùng.",
  latentOfLink: "Ở đây liên kết mang theo một latent vector riêng mà không seed nào cho ra. Chọn seed khác sẽ thay thế nó.",
  labelsIgnored: "Mô hình này không nhận nhãn, nên các nhãn bị bỏ qua.",
  labelsLowered: "Mô hình này không có nhãn lớn hơn {last}, nên {last} được dùng.",
  numberCorrected: "Số phải là số nguyên trong {low}..{high}, nên {value} được dùng.",
  labelsUnknown: "Mô hình không có những lớp này, nên chúng bị bỏ qua: {names}",
  labelsMany: "Một liên kết có tối đa {most} nhãn, nên {most} nhãn đầu tiên được dùng.",
  seedsCorrected: "{text} không phải danh sách số nguyên trong 0..{high}, tối đa {most} số. Danh sách gần nhất được dùng.",

  // Time machine
  timeHint:
    "Thanh trượt trên đi dọc quá trình huấn luyện: bước 0 là trước khi huấn luyện. Thanh trượt dưới đi từ seed A đến seed B.",
  training: "Huấn luyện",
  trainingAt: "Epoch {epoch}, bước {step}",
  timeCaption: "Epoch {epoch}, bước {step}: ảnh tại t\u00a0=\u00a0{t} giữa seed {a} và seed {b}.",
  gridCaption: "Epoch {epoch}, bước {step}: ảnh của các seed từ 0 đến 63. Mỗi seed có cùng một vị trí ở mọi epoch.",
  gridOf: "Ảnh của các seed từ 0 đến 63 sau {step} bước huấn luyện",

  // Map
  mapHint: "Hãy kéo mặt phẳng. Điểm có số là seed, và giữa chúng là hỗn hợp của bốn seed. Hãy chạm để đặt A hoặc B.",
  mapKeys: "Các phím mũi tên di chuyển mặt phẳng. Phím Enter đặt seed ở giữa.",
  tapSets: "Chạm để đặt",
  zoom: "Số bước giữa hai seed",
  mapOf: "Mặt phẳng ảnh được sinh ra quanh seed {seed}",
  mapSetA: "Seed {seed} bây giờ là Seed A.",
  mapSetB: "Seed {seed} bây giờ là Seed B.",

  // Quiz
  quizHint: "Trong mỗi cặp, một ảnh do người viết, ảnh kia được sinh ra. Hãy chọn ảnh thật.",
  quizFrom: "Ảnh được sinh ra từ",
  quizSource: "{name}, epoch {epoch}",
  quizPair: "Cặp {number} trong {count}",
  quizLeft: "Ảnh bên trái là thật",
  quizRight: "Ảnh bên phải là thật",
  quizReal: "do người viết",
  quizFake: "được sinh ra",
  quizRightAnswer: "Đúng: ảnh đó là thật.",
  quizWrongAnswer: "Sai: ảnh đó được sinh ra.",
  quizNext: "Cặp tiếp theo",
  quizResult:
    "Bạn tìm được {right} trong {count} ảnh thật. Đoán ngẫu nhiên tìm được {chance}. Discriminator (bộ phân biệt) của {name} tìm được {machine}.",
  quizAgain: "Câu đố mới",
  digitsDamaged: "Câu đố không có chữ số thật: {file} bị thiếu hoặc bị hỏng. Hãy lấy lại trang hoặc tạo trang mới.",
  quizCopy: "Sao chép liên kết câu đố",
  quizSame: "Cả lớp mở cùng một liên kết thì trả lời cùng một câu đố.",

  // The view Live of the studio
  liveDrawn: "Trình duyệt của bạn vẽ những ảnh này, với trọng số ở dạng half precision (16 bit).",
  liveImage: "Ảnh được sinh ra: hãy kéo ảnh hoặc dùng các phím mũi tên",

  // Weights that cannot be used
  weightsDamaged: "Tệp trọng số bị hỏng ({reason}). Hãy lấy lại tệp hoặc tạo trang mới.",
  weightsIncomplete: "Trọng số {id} không đầy đủ hoặc bị hỏng. Hãy lấy lại tệp của chúng hoặc tạo trang mới.",
  weightsUnreachable: "Không đọc được trọng số {id} từ máy chủ. Hãy kiểm tra kết nối rồi tải lại trang.",
  weightsMissing: "Không tải được tệp trọng số ({reason}). Hãy tải lại trang.",
  weightsKind: "Tệp không chứa Generator. Hãy chọn tệp khác.",
  weightsTopology: "Trình duyệt chỉ vẽ được mạng có kiến trúc conv và mlp, không phải {name}. Hãy dùng studio cho mô hình này.",
  weightsConfig: "Cấu hình của trọng số có {name}={value}, một giá trị không hợp lệ. Hãy tạo trang mới.",
  weightsLarge:
    "Một ảnh cần {count} triệu phép nhân-cộng, còn trình duyệt chỉ vẽ được đến {limit} triệu. Hãy dùng demo cho mô hình này.",
  weightsShape: "Trọng số không khớp với cấu hình: {name} có kích thước {shape}, không phải {expected}. Hãy tạo trang mới.",
  weightsTensorMissing: "Trọng số không khớp với cấu hình: thiếu {name}. Hãy tạo trang mới.",
  weightsTensorUnknown: "Trọng số không khớp với cấu hình: không rõ {name} là gì. Hãy tạo trang mới.",
  weightsInfinite: "Trọng số cho ra ảnh có giá trị không hữu hạn. Hãy dùng trọng số của một bước sớm hơn.",

  // Reasons, in parentheses
  otherHost: "máy chủ khác",
  workerEnded: "worker đã kết thúc",
  fileShort: "tệp quá ngắn",
  fileWithoutHeader: "tệp không có phần đầu của safetensors",
  fileWithoutConfig: "tệp thiếu cấu hình",
  fileHeaderNotJson: "phần đầu của tệp không phải JSON",
  fileHeaderNotObject: "phần đầu của tệp không phải là một đối tượng JSON",
  fileManyTensors: "tệp có {count} tensor",
  tensorType: "tensor {name} không phải F16, F32 hoặc I64",
  tensorShape: "tensor {name} không có kích thước",
  tensorPlace: "tensor {name} không có vị trí",
  tensorCut: "tensor {name} bị cắt cụt",
  tensorWhole: "có số nguyên ở chỗ cần số thực",
};
