"""How fields are called, by what they ask for."""

from __future__ import annotations

from gleanery.knowledge.meaning.lexicon import Lexicon

PASSWORD = "password"  # noqa: S105 - a purpose: which password it is, its form shows
NEW_PASSWORD = "new-password"  # noqa: S105
CURRENT_PASSWORD = "current-password"  # noqa: S105

# English, German, French, Spanish, Italian, Portuguese, Dutch; common words of Polish, Russian, Japanese, Chinese, Korean.
FIELD_WORDS: Lexicon[str] = Lexicon(
    {
        "email": """
            email e_mail mail emailaddress email_address mail_address mailadresse e_mail_adresse *mailadresse *emailadresse courriel mel
            adresse_electronique adresse_email adresse_mail adresse_e_mail correo correo_electronico posta_elettronica indirizzo_email
            indirizzo_e_mail correio_eletronico correio_electronico endereco_de_email e_mailadres emailadres mailadres poczta
            adres_email адрес_электронной_почты электронн* почта почты email_id メール メールアドレス 邮箱 邮件 電郵 電子郵件 信箱
            이메일 emailadresse e_postadresse epost e_post sahkoposti emailova_adresa eposta email_cim имейл mail_addr
        """,
        "username": """
            user_name username user_id userid user usr uname login login_name loginname login_id account_name account_id nick nickname
            screen_name handle benutzername benutzer benutzerkennung nutzername kennung anmeldename nom_d_utilisateur nom_utilisateur
            utilisateur identifiant pseudo pseudonyme usuario nombre_de_usuario nome_utente utente nome_de_usuario nome_de_utilizador
            utilizador gebruikersnaam gebruiker nazwa_uzytkownika login_or_email username_or_email user_name_or_email email_or_username
            логин имя_пользователя ユーザー名 ユーザー ユーザーID ログインID 用户名 帐号 账号 帳號 用戶名 아이디 member_id member_name
            brugernavn brukernavn anvandarnamn kayttajatunnus kayttajanimi uzivatelske_jmeno uzivatelske_meno felhasznalonev
            kullanici_adi потребителско_име membership_id user_or_email username_or_email_address username_or_e_mail_address
            username_or_e_mail email_address_or_username email_or_phone nome_de_usuario_a card_id
        """,
        PASSWORD: """
            password passwd passwort pass pwd psw passphrase kennwort mot_de_passe motdepasse mdp contrasena clave palavra_passe senha
            wachtwoord haslo parola_d_ordine parola_chiave пароль パスワード 密码 密碼 비밀번호 adgangskode losenord passord kodeord
            heslo jelszo salasana sifre парола contrasinal
        """,
        NEW_PASSWORD: """
            new_password new_pass new_pwd neues_passwort neues_kennwort nouveau_mot_de_passe nueva_contrasena nuova_password nova_senha
            nieuw_wachtwoord confirm_password password_confirm password_confirmation password_again password_repeat repeat_password
            retype_password re_password repassword verify_password password_verify password_2 pass_2 pwd_2 confirm_pass
            passwort_wiederholen passwort_bestatigen passwortwiederholung kennwort_wiederholen confirmer_le_mot_de_passe
            confirmation_du_mot_de_passe confirmer_mot_de_passe confirmar_contrasena repetir_contrasena repita_la_contrasena
            conferma_password ripeti_password confirmar_senha confirme_a_senha repetir_senha bevestig_wachtwoord herhaal_wachtwoord
            wachtwoord_bevestigen choose_password choose_a_password create_password create_a_password password_check новый_пароль
            повторите_пароль подтвердите_пароль パスワード確認 新しいパスワード 确认密码 新密码 確認密碼 new_password_again
            nytt_losenord verify_pass
        """,
        CURRENT_PASSWORD: """
            current_password old_password existing_password aktuelles_passwort altes_passwort mot_de_passe_actuel ancien_mot_de_passe
            contrasena_actual password_attuale senha_atual huidig_wachtwoord oud_wachtwoord текущий_пароль 現在のパスワード 当前密码
            旧密码
        """,
        "one-time-code": """
            one_time_code otp totp verification_code security_code auth_code authentication_code two_factor 2_fa 6_digit_code sms_code
            bestatigungscode sicherheitscode einmalcode einmalpasswort code_de_verification code_de_securite codigo_de_verificacion
            codigo_de_seguridad codice_di_verifica codigo_de_verificacao verificatiecode authenticator_code passcode confirmation_code
            код_подтверждения 認証コード 確認コード 验证码短信 短信验证码 动态码
        """,
        "captcha": """
            captcha recaptcha hcaptcha turnstile security_question security_check spam_protection anti_spam antispam human captcha_code
            image_code verify_code vcode sicherheitsabfrage spamschutz 验证码 驗證碼 画像認証 code_image verification anti_robots robots
            image_security cptch magic_word magicword challenge anti_bot security_image word_verification i_am_not_a_robot not_a_robot
        """,
        "name": """
            name full_name fullname your_name contact_name customer_name real_name vollstandiger_name ihr_name dein_name
            vor_und_nachname vor_und_zuname nom_complet nom_et_prenom votre_nom nombre_completo nombre_y_apellidos tu_nombre su_nombre
            nome_completo nome_e_cognome il_tuo_nome il_suo_nome seu_nome o_seu_nome volledige_naam naam uw_naam je_naam imie_i_nazwisko
            author authorname фио ваше_имя имя お名前 氏名 名前 姓名 이름 nombre nome nom navn namn nev nimi jmeno ad_soyad
        """,
        "given-name": """
            first_name firstname fname f_name given_name givenname forename vorname prenom primer_nombre nombre_de_pila primeiro_nome
            voornaam imie имя_отчество 名 given fornavn fornamn etunimi krestni_jmeno keresztnev jmeno_krestni meno krstne_meno
            name_first first
        """,
        "family-name": """
            last_name lastname lname l_name family_name familyname surname nachname familienname zuname nom_de_famille apellido
            apellidos cognome sobrenome apelido achternaam familienaam nazwisko фамилия 姓 efternavn efternamn etternavn sukunimi
            prijmeni priezvisko vezeteknev soyad second_name name_last last
        """,
        "additional-name": """
            middle_name middlename middle_initial zweiter_vorname deuxieme_prenom segundo_nombre secondo_nome отчество
        """,
        "honorific-prefix": "salutation anrede civilite tratamiento titolo tratamento aanhef prefix mr_mrs honorific",
        "nickname": """
            display_name public_name anzeigename nom_affiche nombre_visible spitzname ハンドルネーム 昵称 暱稱
        """,
        "tel": """
            phone phone_number telephone tel mobile mobile_number mobile_phone cell cell_phone cellphone phone_no telefon* rufnummer
            handy handynummer mobilnummer portable numero_de_telephone movil celular cellulare telemovel mobiel *telefoon gsm
            contact_number whatsapp телефон* 電話 電話番号 携帯 电话 手机 手機 手机号 전화 휴대폰 telefonas puhelin handphone gsm_number
            phone_num telephone_number sms_number
        """,
        "tel-country-code": """
            phone_country_code country_calling_code calling_code dial_code dialing_code vorwahl_land indicatif
        """,
        "tel-extension": "extension ext durchwahl phone_extension",
        "organization": """
            company organization organisation company_name business_name organization_name firma firmenname unternehmen entreprise
            societe raison_sociale empresa compania azienda societa ragione_sociale bedrijf bedrijfsnaam organisatie employer
            institution school university компания организация 会社 会社名 公司 单位 會社 회사
        """,
        "organization-title": """
            job_title jobtitle position your_role job_role beruf berufsbezeichnung fonction poste puesto cargo funzione functie 职位
            役職
        """,
        "street-address": """
            address street street_address streetname mailing_address postal_address home_address delivery_address strasse strase
            strassenname anschrift adresse lieferadresse rechnungsadresse rue voie direccion domicilio calle indirizzo via endereco rua
            morada logradouro adres straat straatnaam ulica улица адрес address_field billing_address shipping_address 住所 地址 番地
            주소
        """,
        "address-line1": """
            address_line_1 address_1 addr_1 street_1 adresszeile_1 adresse_1 direccion_1 addressline_1 line_1
        """,
        "address-line2": """
            address_line_2 address_2 addr_2 street_2 adresszusatz adresszeile_2 adresse_2 complement_d_adresse complement complemento
            apartment apt suite unit_number apt_suite addressline_2 line_2 toevoeging interno piso 建物名 マンション suburb_line
            complement_adresse address_complement adres_2
        """,
        "house-number": """
            house_number street_number building_number hausnummer hausnr huisnummer numero_civico numero_de_voie numero_da_casa
        """,
        "address-level2": """
            city town locality ort stadt wohnort ville commune localite ciudad localidad poblacion municipio citta comune localita
            cidade municipality stad plaats woonplaats miasto город 市区町村 城市 市 도시 suburb mesto by_navn kaupunki varos sehir
            postort град
        """,
        "address-level1": """
            state province region county territory bundesland kanton departement provincia comunidad_autonoma regione estado provincie
            wojewodztwo область регион 都道府県 省份 省 state_province
        """,
        "postal-code": """
            zip zip_code zipcode postal_code post_code postcode postal plz postleitzahl code_postal cp codigo_postal cap codice_postale
            codice_di_avviamento_postale cep kod_pocztowy индекс почтовый_индекс 郵便番号 邮编 邮政编码 郵遞區號 우편번호 pincode psc
            postnummer postnr postinumero iranyitoszam posta_kodu пощенски_код
        """,
        "country": """
            country country_name nation land pays pais paese nazione kraj country_region страна 国 国家 國家 국가 staat zeme krajina
            orszag ulke land_region
        """,
        "cc-number": """
            card_number cardnumber card_no cardnum credit_card credit_card_number creditcard cc_number ccnum cc_no kartennummer
            kreditkartennummer kreditkarte numero_de_carte numero_carte carte_bancaire carte_de_credit numero_de_tarjeta tarjeta
            numero_carta numero_della_carta carta_di_credito numero_do_cartao cartao kaartnummer creditcardnummer номер_карты カード番号
            卡号 信用卡号
        """,
        "cc-name": """
            name_on_card cardholder cardholder_name card_holder card_name karteninhaber titulaire titulaire_de_la_carte nom_sur_la_carte
            titular titular_de_la_tarjeta nombre_en_la_tarjeta intestatario titolare_della_carta nome_no_cartao kaarthouder ccname
            имя_на_карте カード名義 持卡人
        """,
        "cc-exp": """
            expiry expiration expiry_date expiration_date exp_date valid_until valid_thru card_expiry ablaufdatum gultig_bis
            date_d_expiration fecha_de_caducidad caducidad vencimiento data_di_scadenza scadenza validade vervaldatum mm_yy mm_yyyy
            mm_jj mm_aa срок_действия 有効期限 有效期
        """,
        "cc-exp-month": """
            expiry_month expiration_month exp_month exp_mm ablaufmonat cc_month card_month mes_de_vencimiento
        """,
        "cc-exp-year": "expiry_year expiration_year exp_year exp_yy ablaufjahr cc_year card_year",
        "cc-csc": """
            cvc cvv cvv_2 csc cvc_2 card_security_code security_code_cvv card_code card_verification kartenprufnummer prufnummer
            prufziffer cryptogramme code_cvv codigo_cvv codice_cvv セキュリティコード 安全码 카드_보안
        """,
        "cc-type": "card_type cardtype kartentyp type_de_carte tipo_de_tarjeta",
        "iban": """
            iban bank_account kontonummer bankverbindung bic swift rekeningnummer cuenta_bancaria bank_account_number
        """,
        "bday": """
            birthday birth_date birthdate date_of_birth dob born geburtsdatum geburtstag geboren_am date_de_naissance naissance
            fecha_de_nacimiento nacimiento data_di_nascita nascita data_de_nascimento nascimento geboortedatum data_urodzenia
            дата_рождения 生年月日 誕生日 出生日期 生日 생년월일 birth geburt
        """,
        "bday-day": """
            birth_day_of_month bday_day birthdate_day birth_date_day birthday_day dob_day day_of_birth geburtstag_tag
        """,
        "bday-month": "birth_month bday_month birthdate_month birthday_month dob_month geburtsmonat mes_nacimiento",
        "bday-year": "birth_year bday_year birthdate_year birthday_year dob_year year_of_birth geburtsjahr jahrgang",
        "sex": "sex gender geschlecht sexe genre sexo genero sesso geslacht plec пол 性别 性別 성별",
        "url": """
            website web_site url homepage home_page webseite internetseite site_web siteweb sitio_web sito_web pagina_web blog_url сайт
            ホームページ 网址 网站
        """,
        "impp": "skype icq jabber telegram aim msn yahoo_id im_handle discord matrix_id",
        "language": "language locale sprache langue idioma lingua taal jezyk язык 言語 语言 lang",
        "search": """
            search query q keyword keywords search_term search_terms searchterm find srch such* recherch* chercher mots_cles mot_cle
            buscar busca busqueda cerca ricerca pesquis* zoek* szukaj wyszukaj поиск найти искать 検索 キーワード 搜索 搜尋 查询 关键词
            关键字 검색 s qs term looking_for suche search* query_string search_box search_text soeg sok hledat hladat kereses haku ara
            arama търсене *query *search rech cle_rech
        """,
        "quantity": """
            quantity qty amount_of_items menge anzahl stuckzahl quantite cantidad quantita quantidade aantal ilosc количество 数量 수량
            quant
        """,
        "transaction-amount": "amount betrag montant importe importo valor bedrag donation_amount сумма 金額 金额",
        "transaction-currency": "currency wahrung devise moneda valuta moeda валюта 通貨 货币",
        "subject": """
            subject topic betreff thema sujet objet asunto oggetto assunto onderwerp temat тема 件名 主题 題目 제목 headline title
        """,
        "message": """
            message msg comment comments your_message enquiry inquiry feedback question description body nachricht anliegen kommentar
            mitteilung frage ihre_nachricht commentaire votre_message mensaje comentario comentarios consulta messaggio commento
            mensagem bericht opmerking* vraag reactie wiadomosc komentarz сообщение комментарий вопрос メッセージ お問い合わせ内容
            コメント 本文 留言 评论 内容 內容 메시지 reply answer review note notes remarks bemerkung* details bio about_me about_you
        """,
        "file": """
            file attachment upload cv resume lebenslauf datei anhang fichier piece_jointe archivo adjunto allegato ficheiro arquivo
            anexo bestand bijlage файл ファイル 添付 文件 附件
        """,
        "photo": "photo avatar profile_picture profile_photo profile_image profilbild foto_de_perfil bild 头像 写真",
        "coupon": """
            coupon coupon_code promo promo_code promotion_code discount_code voucher voucher_code gift_card gutschein gutscheincode
            rabattcode code_promo codigo_promocional cupon codice_sconto cupom kortingscode invite_code invitation_code referral_code
            referral промокод クーポン 优惠码 优惠券 邀请码
        """,
        "remember-me": """
            remember remember_me remember_login rememberme keep_me_signed_in keep_me_logged_in stay_signed_in stay_logged_in
            keep_signed_in keep_logged_in angemeldet_bleiben eingeloggt_bleiben anmeldung_merken se_souvenir_de_moi rester_connecte
            rester_connectee memoriser recordarme recuerdame mantener_sesion no_cerrar_sesion ricordami resta_connesso lembrar
            lembrar_me manter_conectado manter_sessao ingelogd_blijven onthoud_mij onthouden zapamietaj запомнить ログイン状態 記憶 记住
            记住我 自动登录 로그인_상태 permanent_login autologin auto_login persistent husk_mig husk_meg kom_ihag_mig recordar
            recordar_me keep_alive keeplogged keep_logged save_login se_rappeler_de_moi garder_ma_session remeberme remember_user
            zapamatovat zapamataj trvale_prihlaseni muista beni_hatirla emlekezz запомни stay_connected persist_login rester_connecte_e
        """,
        "consent": """
            consent agree i_agree accept i_accept terms terms_of_service terms_and_conditions privacy privacy_policy gdpr tos
            einverstanden zustimm* akzeptier* datenschutz* agb einwillig* nutzungsbedingungen j_accepte accepte conditions
            politique_de_confidentialite consentement acepto condiciones privacidad aviso_legal accetto privacidade aceito concordo
            condizioni consenso akkoord voorwaarden opt_in optin subscribe newsletter regulamin согласие согласен принимаю 同意 利用規約
            服务条款 隐私 동의 marketing cookies receive_emails special_offers newsletters receive i_would_like_to_receive send_me
            add_me mailing_list email_updates sign_me_up keep_me_informed keep_me_updated wyrazam zgoda zgod* i_have_read i_read
            disclaimer subscribed mailing lopd notify_me inform_me recevoir recibir ricevere receber ontvangen erhalten gelesen legals
            checkboxagree подписаться jeg_accepterer je_souhaite email_signup subscription opt_in_sms
        """,
        "sort": """
            sort sort_by order_by sortby orderby sortier* sortierung trier_par tri ordenar ordenar_por ordina ordina_per sorteer*
            sorteren_op сортировка 並び替え 並べ替え 排序 sorting sort_order sort_key sort_dir order_direction по_возрастанию
            по_убыванию
        """,
        "date": """
            date datum fecha дата 日付 日期 checkin check_in checkout_date check_out arrival departure anreise abreise arrivee depart
            from_date to_date start_date end_date
        """,
    }
)
